import { type Clock, Deadline } from './clock.ts';
import { pairName, samePair } from './pair.ts';
import type { AuditLog, Events, Pair } from './ports.ts';
import { Problem } from './problems.ts';

/** LM refuses signatures that are 30 min off; beyond this a 401 says nothing about the key. */
const SKEW_LIMIT_MS = 25 * 60_000;
/** When a latched pair is tried again: after 1 min, 5 min, then every 15 min. */
const PROBE_AFTER_MS = [60_000, 300_000, 900_000] as const;
/** Latched pairs that are remembered; the oldest is forgotten first, since only the newest ones can still be in Vault. */
const MAX_LATCHED = 16;

export interface LatchParts {
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly events: Events;
  readonly searchTimeoutMs: number;
}

interface Latched {
  readonly pair: Pair;
  probes: number;
  /** True while the list call is under way, so that there is never a second one beside it. */
  probing: boolean;
  cancel: () => void;
}

/**
 * Pairs that LM rejected with its own 401. Each further failure brings LM closer to locking the token, so a latched
 * pair signs nothing until a single list call, on a slow schedule, shows that LM takes it again.
 */
export class Latches {
  readonly #parts: LatchParts;
  readonly #probe: (pair: Pair) => Promise<boolean>;
  readonly #latched: Latched[] = [];

  constructor(parts: LatchParts, probe: (pair: Pair) => Promise<boolean>) {
    this.#parts = parts;
    this.#probe = probe;
  }

  has(pair: Pair): boolean {
    return this.#latched.some((latched) => samePair(latched.pair, pair));
  }

  any(): boolean {
    return this.#latched.length > 0;
  }

  /** Throws `upstream-credential-rejected` for a latched pair. */
  refuse(pair: Pair): void {
    if (this.has(pair)) throw rejected('key-latched');
  }

  /** Latches a pair; returns what to tell the caller. */
  close(pair: Pair): Problem {
    if (!this.has(pair)) {
      const latched: Latched = { pair, probes: 0, probing: false, cancel: () => {} };
      this.#latched.push(latched);
      if (this.#latched.length > MAX_LATCHED) this.#latched.shift()?.cancel();
      this.#schedule(latched);
      this.#parts.audit.soon({ kind: 'system', event: 'latch-closed', detail: pairName(pair) });
      this.#parts.events.warn(
        'LogicMonitor rejected the key of the broker; it signs nothing until LogicMonitor takes it again or Vault has another. ' +
          'Check that the token is enabled and not locked, then write a new pair to Vault or send SIGHUP.',
        pairName(pair),
      );
    }
    return rejected('key-rejected');
  }

  /** Throws when LM's clock is so far from ours that its 401 says nothing about the key. */
  refuseSkew(skewMs: number | undefined): void {
    const problem = this.skewProblem(skewMs);
    if (problem !== undefined) throw problem;
  }

  skewProblem(skewMs: number | undefined): Problem | undefined {
    if (skewMs === undefined || Math.abs(skewMs) <= SKEW_LIMIT_MS) return undefined;
    this.#parts.events.warn(
      'LogicMonitor rejected a signature, and its clock is far from ours. Check the clock of this machine.',
      {
        skewSeconds: Math.round(skewMs / 1000),
      },
    );
    return rejected('clock-skew');
  }

  /** Tries every latched pair now. */
  probeNow(): void {
    for (const latched of this.#latched) {
      latched.cancel();
      void this.#tryAgain(latched);
    }
  }

  stop(): void {
    for (const latched of this.#latched) latched.cancel();
  }

  /** A deadline for work that no request waits for. */
  deadline(): Deadline {
    return new Deadline(this.#parts.clock, this.#parts.searchTimeoutMs);
  }

  #schedule(latched: Latched): void {
    const wait = PROBE_AFTER_MS[Math.min(latched.probes, PROBE_AFTER_MS.length - 1)] ?? PROBE_AFTER_MS[2];
    latched.probes += 1;
    latched.cancel = this.#parts.clock.after(wait, () => void this.#tryAgain(latched));
  }

  async #tryAgain(latched: Latched): Promise<void> {
    if (latched.probing) return;
    latched.probing = true;
    const taken = await this.#probe(latched.pair);
    latched.probing = false;
    const index = this.#latched.indexOf(latched);
    if (index < 0) return;
    if (!taken) return this.#schedule(latched);
    this.#latched.splice(index, 1);
    this.#parts.audit.soon({ kind: 'system', event: 'latch-opened', detail: pairName(latched.pair) });
    this.#parts.events.info('LogicMonitor takes the key of the broker again', pairName(latched.pair));
  }
}

function rejected(operatorReason: string): Problem {
  return new Problem('upstream-credential-rejected', 'LogicMonitor does not accept the key of the broker.', {
    operatorReason,
  });
}
