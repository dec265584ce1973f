import type { FastifyInstance } from 'fastify';
import type { Lifecycle } from './http/lifecycle.ts';
import { type Clock, Deadline } from './mint/clock.ts';
import type { Credentials } from './mint/credential.ts';
import type { Endings } from './mint/end.ts';
import type { AuditLog } from './mint/ports.ts';

/** What is ended, and in what order, is told in `drain`. */
export interface DrainParts {
  readonly clock: Clock;
  readonly lifecycle: Lifecycle;
  readonly app: FastifyInstance;
  readonly operators: FastifyInstance | undefined;
  readonly endings: Endings;
  readonly credentials: Credentials;
  readonly portal: { breakOff(): Promise<void> };
  readonly audit: AuditLog & { readonly refusals: { flush(): void }; close(): Promise<void> };
  readonly vault: { stop(): Promise<void> };
  readonly policy: { stop(): Promise<void> };
  readonly leadMs: number;
  /** The longest wait for the last mint to end. */
  readonly timeoutMs: number;
}

/** How long what was cut off at the end of the timeout has to be recorded, and what it made to be deleted; twice. */
const LAST_MS = 1_200;

/**
 * Ends the broker: a lead in which requests are served while `/readyz` sends new ones elsewhere; then nothing new,
 * until the last mint and the last undelivered token have ended or the time is over. Then the callers that are left
 * are hung up on, so that their tokens can be ended, then what LM has not answered is broken off: it has an unknown
 * end, and its intent stays open. The audit log is closed last, when nothing is left that could write to it.
 */
export async function drain(parts: DrainParts, { lead }: { readonly lead: boolean }): Promise<void> {
  const { clock, lifecycle, app, operators, endings, credentials, portal, audit } = parts;
  const over = new Deadline(clock, parts.timeoutMs);
  const allEnded = (ms: number): Promise<unknown> =>
    Promise.race([lifecycle.idle().then(() => endings.settled()), pause(ms)]);

  lifecycle.enter('lead');
  if (lead) await pause(parts.leadMs);
  lifecycle.enter('draining');
  app.server.closeIdleConnections();
  await allEnded(over.remainingMs());
  const cutOff = lifecycle.inFlight;

  app.server.closeAllConnections();
  operators?.server.closeAllConnections();
  await Promise.all([app.close(), operators?.close()]);
  await allEnded(LAST_MS);

  credentials.stop();
  endings.stop();
  await portal.breakOff();
  await Promise.race([lifecycle.idle(), pause(LAST_MS)]);

  audit.refusals.flush();
  audit.soon({
    kind: 'system',
    event: 'stop',
    detail: { inFlight: cutOff, pendingEnds: endings.pending },
  });
  await audit.close();
  await Promise.all([parts.vault.stop(), parts.policy.stop()]);
}

/** Unlike the clock's timers this one keeps the process alive: its end is waited for. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
