import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { openAuditLog } from './audit/open.ts';
import { firstBundle } from './compose-bundle.ts';
import { Policy } from './compose-policy.ts';
import { type Config, ConfigFault } from './config.ts';
import { drain } from './drain.ts';
import { Lifecycle } from './http/lifecycle.ts';
import { Metrics } from './http/metrics.ts';
import { privateServer } from './http/private-server.ts';
import { publicServer } from './http/server.ts';
import { type ClientTrust, Tls, TlsFault } from './http/tls.ts';
import { eventsTo } from './log.ts';
import { createPortal } from './logicmonitor/portal.ts';
import { CallerRates } from './mint/caller-rates.ts';
import { Deadline, systemClock } from './mint/clock.ts';
import { Credentials } from './mint/credential.ts';
import { Endings } from './mint/end.ts';
import type { Events } from './mint/ports.ts';
import { BundleError } from './policy/faults.ts';
import { randomBytes } from './random.ts';
import { Readiness } from './readiness.ts';
import { openCredential } from './vault/open.ts';
import type { VaultSettings } from './vault/settings.ts';
import { version } from './version.ts';

export { BundleError };

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
  const policyFirst = await firstBundle(config.POLICY_DIR).catch(stopping(vault));
  const certificates = await clientCertificates(config);
  const tls = await openTls(config, events, certificates).catch(stopping(vault));
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
  const policy = new Policy(policyFirst, {
    clock,
    events,
    audit,
    auditPath: join(config.AUDIT_DIR, 'audit.jsonl'),
    certificates,
    settings: config,
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
  const readiness = new Readiness({
    lifecycle,
    audit,
    vault,
    credentials,
    policy,
    tls,
    portal,
    endings,
  });
  metrics.observe(readiness.gauges());

  const app = await publicServer({
    broker: {
      inForce: () => policy.inForce,
      callerRates: new CallerRates({ perSecond: config.CALLER_RATE, burst: config.CALLER_BURST }, clock),
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
    tls,
  });
  const operators =
    config.PRIVATE_LISTEN === 'off'
      ? undefined
      : await privateServer({
          metrics,
          readiness: () => readiness.details(),
          candidate: () => policy.candidate(),
          document: () => app.swagger(),
          log,
        });

  const [url, privateUrl] = await Promise.all([
    listen(app, config.LISTEN, tls && 'https'),
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
    policy.warm(),
    read.then(() => credentials.warm(new Deadline(clock, config.REQUEST_TIMEOUT))),
  ]);
  warmed.catch((fault: unknown) => log.error({ err: fault }, 'warming up failed'));

  return {
    url,
    privateUrl,
    retryNow() {
      credentials.retryNow();
      void tls?.look();
      void policy.reloadNow();
    },
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
          policy,
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

/** What judges client certificates, when any are asked for: loaded then only, since the start need not wait for it. */
async function clientCertificates(config: Config) {
  if (config.TLS_CLIENT_CA_FILE === undefined) return undefined;
  const { ClientCertificates } = await import('./identity/certificates/client-certificates.ts');
  return new ClientCertificates({ clock: systemClock });
}

/** Undefined when callers are served in plain HTTP. Throws a `ConfigFault` when its files cannot be taken. */
async function openTls(
  config: Config,
  events: Events,
  clientTrust: ClientTrust | undefined,
): Promise<Tls | undefined> {
  const { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key } = config;
  if (certificate === undefined || key === undefined) return undefined;
  const paths = {
    certificate,
    key,
    clientCa: config.TLS_CLIENT_CA_FILE,
    clientCrl: config.TLS_CLIENT_CRL_FILE,
  };
  try {
    return await Tls.open(paths, { clock: systemClock, events, clientTrust, everyMs: config.RELOAD_EVERY });
  } catch (fault) {
    throw fault instanceof TlsFault ? new ConfigFault([fault.message]) : fault;
  }
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
  scheme: 'http' | 'https' = 'http',
): Promise<string> {
  await app.listen({ host, port });
  const { address, family, port: taken } = app.server.address() as AddressInfo; // `as`: it listens on a port, not on a pipe
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${taken}`;
}
