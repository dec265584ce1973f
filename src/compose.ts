import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { openAuditLog } from './audit/open.ts';
import type { Config } from './config.ts';
import { drain } from './drain.ts';
import { Lifecycle } from './http/lifecycle.ts';
import { Metrics } from './http/metrics.ts';
import { privateServer } from './http/private-server.ts';
import { publicServer } from './http/server.ts';
import { createIdentity } from './identity/identity.ts';
import { issuersSchema } from './identity/issuers.ts';
import { eventsTo } from './log.ts';
import { createPortal } from './logicmonitor/portal.ts';
import { Deadline, systemClock } from './mint/clock.ts';
import { Credentials } from './mint/credential.ts';
import { Endings } from './mint/end.ts';
import { readCases } from './policy/cases.ts';
import { createDecide } from './policy/decide.ts';
import { explain } from './policy/explain.ts';
import { BundleError, printFault } from './policy/faults.ts';
import { loadBundle } from './policy/load.ts';
import { runCases } from './policy/run-cases.ts';
import { trialSchema } from './policy/trial.ts';
import { Readiness } from './readiness.ts';
import { openCredential } from './vault/open.ts';
import type { VaultSettings } from './vault/settings.ts';
import { version } from './version.ts';

export { BundleError, explain, printFault, readCases, runCases, trialSchema };

/** Loads a bundle as the broker does. Throws a `BundleError` with all its faults. */
export const loadPolicy = (folder: string) => loadBundle(folder, issuersSchema);

/** A broker that listens. */
export interface Running {
  /** Where callers reach it. */
  readonly url: string;
  /** Where operators reach it; undefined when `PRIVATE_LISTEN` is `off`. */
  readonly privateUrl: string | undefined;
  /** SIGHUP: tries again what waits, such as a key that LogicMonitor rejected. */
  retryNow(): void;
  /** Ends it as SIGTERM does: lead, drain, last records; resolves when all of it is over. `lead: false` skips the lead. */
  drain(options: { readonly lead: boolean }): Promise<void>;
}

/** No answer that the broker reads of LM's is anywhere near so large. */
const LM_ANSWER_BYTES = 262_144;

/**
 * Puts the broker together and starts it: the one place that knows every part. Throws when the bundle or the audit
 * log is not fit to start with, or an address is taken; Vault, LogicMonitor and the issuer may still be away.
 */
export async function start(config: Config, log: Logger): Promise<Running> {
  const clock = systemClock;
  const events = eventsTo(log);
  // Begun first, since its answers come while the bundle is being checked.
  const vault = openCredential(vaultSettings(config), { clock, random: Math.random, events });
  const read = vault.start();
  const bundle = await loadPolicy(config.POLICY_DIR).catch(stopping(vault));
  const audit = await openAuditLog(
    {
      dir: config.AUDIT_DIR,
      writeTimeoutMs: config.AUDIT_WRITE_TIMEOUT,
      minFreeBytes: config.AUDIT_MIN_FREE,
    },
    { events },
  ).catch(stopping(vault));
  const openAtStart = audit.openIntents();
  audit.soon({ kind: 'system', event: 'start', detail: { version, openIntents: openAtStart.length } });
  audit.soon({
    kind: 'system',
    event: 'bundle-loaded',
    detail: { digest: bundle.digest, policies: bundle.policies.length },
  });
  for (const { mintId, adminId, time } of openAtStart.slice(0, 20))
    log.warn(
      { mintId, admin: adminId, since: time },
      'an earlier attempt has no known outcome: look for its mint id in LogicMonitor',
    );

  const portal = createPortal(
    {
      baseUrl: config.lmUrl,
      connectTimeoutMs: config.LM_CONNECT_TIMEOUT,
      attemptTimeoutMs: config.LM_ATTEMPT_TIMEOUT,
      connections: config.LM_CONNECTIONS,
      maxAnswerBytes: LM_ANSWER_BYTES,
      version,
    },
    { clock, events },
  );
  const identity = createIdentity(bundle.issuers, {
    clock,
    events,
    settings: {
      fetchTimeoutMs: config.ISSUER_TIMEOUT,
      refreshMs: config.JWKS_REFRESH,
      staleMs: config.JWKS_MAX_STALE,
      cooldownMs: config.JWKS_COOLDOWN,
    },
  });
  const credentials = new Credentials({
    source: vault,
    portal,
    ownAdminId: config.LM_OWN_ADMIN_ID,
    clock,
    audit,
    events,
    searchTimeoutMs: config.LM_ATTEMPT_TIMEOUT,
  });
  const endings = new Endings({
    portal,
    credentials,
    clock,
    events,
    tryTimeoutMs: config.LM_ATTEMPT_TIMEOUT,
  });
  const lifecycle = new Lifecycle();
  const metrics = new Metrics(version);
  const readiness = new Readiness({ lifecycle, audit, vault, credentials, identity, portal, endings });
  metrics.observe(readiness.gauges());

  const app = await publicServer({
    broker: {
      authenticate: identity.authenticate,
      decide: createDecide(bundle, { randomBytes }),
      credentials,
      portal,
      endings,
      clock,
      randomBytes,
    },
    audit,
    countRefusal: (cause, from) => audit.refusals.note(cause, from),
    lifecycle,
    metrics,
    requestTimeoutMs: config.REQUEST_TIMEOUT,
    receiveTimeoutMs: config.RECEIVE_TIMEOUT,
    bodyLimit: config.BODY_LIMIT,
    settings: {
      headerLimit: config.HEADER_LIMIT,
      receiveTimeoutMs: config.RECEIVE_TIMEOUT,
      maxInFlight: config.MAX_IN_FLIGHT,
      trustedProxies: config.TRUSTED_PROXIES,
    },
    readiness: () => readiness.summary(),
    log,
    randomBytes,
  });
  const operators =
    config.PRIVATE_LISTEN === 'off'
      ? undefined
      : await privateServer({
          metrics,
          readiness: () => readiness.details(),
          document: () => app.swagger(),
          log,
        });

  const [url, privateUrl] = await Promise.all([
    listen(app, config.LISTEN),
    operators && config.PRIVATE_LISTEN !== 'off' ? listen(operators, config.PRIVATE_LISTEN) : undefined,
  ]).catch(async (fault: unknown) => {
    await Promise.all([app.close(), operators?.close(), vault.stop()]);
    await audit.close();
    throw fault;
  });
  lifecycle.enter('serving');
  // At any LOG_LEVEL: with port 0 nothing else tells where.
  log
    .child({}, { level: 'info' })
    .info({ url, privateUrl, version, openIntents: openAtStart.length }, 'listening');
  const warmed = Promise.all([
    identity.warm(),
    read.then(() => credentials.warm(new Deadline(clock, config.REQUEST_TIMEOUT))),
  ]);
  warmed.catch((fault: unknown) => log.error({ err: fault }, 'warming up failed'));

  return {
    url,
    privateUrl,
    retryNow: () => credentials.retryNow(),
    drain: (options) =>
      drain(
        {
          clock,
          lifecycle,
          app,
          operators,
          endings,
          credentials,
          portal,
          audit,
          vault,
          identity,
          leadMs: config.DRAIN_LEAD,
          timeoutMs: config.DRAIN_TIMEOUT,
        },
        options,
      ),
  };
}

/** What to do when the start fails after Vault was asked: its token is not left behind. */
function stopping(vault: { stop(): Promise<void> }): (fault: unknown) => Promise<never> {
  return async (fault) => {
    await vault.stop();
    throw fault;
  };
}

function vaultSettings(config: Config): VaultSettings {
  return {
    address: config.VAULT_ADDR,
    namespace: config.VAULT_NAMESPACE,
    caPem: config.vaultCaPem,
    login: config.vaultLogin,
    kv: {
      mount: config.VAULT_KV_MOUNT,
      path: config.VAULT_KV_PATH,
      accessIdField: config.VAULT_KV_ACCESS_ID_FIELD,
      accessKeyField: config.VAULT_KV_ACCESS_KEY_FIELD,
    },
    timeoutMs: config.VAULT_TIMEOUT,
    rereadEveryMs: config.CREDENTIAL_REREAD,
    maxStaleMs: config.CREDENTIAL_MAX_STALE,
  };
}

async function listen(
  app: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  await app.listen({ host, port });
  const { address, family, port: taken } = app.server.address() as AddressInfo; // `as`: it listens on a port, not on a pipe
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
}
