import { z } from 'zod';
import {
  address,
  countUpTo,
  duration,
  interval,
  lmUserId,
  proxies,
  sizeFrom,
  vaultName,
  webUrl,
} from './setting-values.ts';

/** One environment variable of ours: how it is read, and what an operator is told about it. */
export interface Setting {
  readonly schema: z.ZodType<unknown, string>;
  /** What applies when it is not set, in the form in which it would be set. */
  readonly default?: string;
  /** A secret can also be given as the path of a file, by the same name with `_FILE`. */
  readonly secret?: true;
  readonly group: string;
  readonly doc: string;
}

const text = z.string();
const LISTENING = 'Listening';
const LM = 'LogicMonitor';
const VAULT = 'Vault or OpenBao';
const FILES = 'Policy and audit';
const BOUNDS = 'Deadlines and bounds';

/**
 * Every setting. No name is one that Kubernetes injects for a service (`…_PORT`, `…_SERVICE_HOST` and the like).
 * The tables in the README, `.env.example` and `--help` are made from it.
 */
export const SETTINGS = {
  LISTEN: {
    schema: address,
    default: '127.0.0.1:8080',
    group: LISTENING,
    doc: 'Address and port for callers; port 0 takes a free one.',
  },
  PRIVATE_LISTEN: {
    schema: z.union([z.literal('off'), address]),
    default: '127.0.0.1:9090',
    group: LISTENING,
    doc: 'Address and port for operators: `/metrics`, `/docs`, `/policy/candidate`, details of `/readyz`. `off` opens none.',
  },
  TLS_CERT_FILE: {
    schema: text,
    group: LISTENING,
    doc: 'Path of a PEM file with the certificate for callers, its chain after it. With it and TLS_KEY_FILE callers are served over TLS 1.2 and 1.3 only.',
  },
  TLS_KEY_FILE: {
    schema: text,
    group: LISTENING,
    doc: 'Path of a PEM file with the private key of that certificate, without a passphrase.',
  },
  TLS_CLIENT_CA_FILE: {
    schema: text,
    group: LISTENING,
    doc: 'Path of a PEM file with the CAs of client certificates, each of which may name any caller. With it callers are asked for a certificate, and need none when they have a JWT.',
  },
  TLS_CLIENT_CRL_FILE: {
    schema: text,
    group: LISTENING,
    doc: 'Path of a PEM file with revocation lists. The CA that issued a client certificate must then have one there whose time is not over; a CA above it may have one.',
  },
  TRUSTED_PROXIES: {
    schema: proxies,
    default: '',
    group: LISTENING,
    doc: 'Addresses and networks (CIDR) of proxies whose `X-Forwarded-For` is believed, separated by commas.',
  },
  LM_COMPANY: {
    schema: text.regex(
      /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i,
      'must be the first label of the portal’s host name',
    ),
    group: LM,
    doc: 'The portal: `https://LM_COMPANY.LM_DOMAIN/santaba/rest`.',
  },
  LM_DOMAIN: {
    schema: text.regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i, 'must be a domain name such as logicmonitor.com'),
    default: 'logicmonitor.com',
    group: LM,
    doc: 'The domain of the portal; `lmgov.us` for US government portals.',
  },
  LM_URL: {
    schema: webUrl,
    group: LM,
    doc: 'Instead of LM_COMPANY: the whole base URL of a stand-in; plain http only to loopback.',
  },
  LM_OWN_ADMIN_ID: {
    schema: lmUserId,
    group: LM,
    doc: 'The id of the LogicMonitor user that the broker’s own key belongs to, if the key may not list tokens.',
  },
  LM_CONNECTIONS: {
    schema: countUpTo(9999),
    default: '64',
    group: LM,
    doc: 'Connections to the portal at the most.',
  },
  VAULT_ADDR: { schema: webUrl, group: VAULT, doc: 'URL of Vault or OpenBao; plain http only to loopback.' },
  VAULT_NAMESPACE: { schema: text, group: VAULT, doc: 'Namespace, if there is one.' },
  VAULT_CACERT: { schema: text, group: VAULT, doc: 'Path of a PEM file with the CA of Vault’s certificate.' },
  VAULT_AUTH_METHOD: {
    schema: z.enum(['approle', 'kubernetes', 'jwt', 'token'], 'must be approle, kubernetes, jwt or token'),
    default: 'approle',
    group: VAULT,
    doc: 'How the broker logs in: `approle`, `kubernetes`, `jwt` or `token`.',
  },
  VAULT_AUTH_MOUNT: {
    schema: vaultName,
    group: VAULT,
    doc: 'Mount of the login method; its usual name when not set.',
  },
  VAULT_ROLE_ID: { schema: text, secret: true, group: VAULT, doc: 'For `approle`: the role id.' },
  VAULT_SECRET_ID: { schema: text, secret: true, group: VAULT, doc: 'For `approle`: the secret id.' },
  VAULT_ROLE: { schema: text, group: VAULT, doc: 'For `kubernetes` and `jwt`: the role.' },
  VAULT_JWT_FILE: {
    schema: text,
    group: VAULT,
    doc: 'For `kubernetes` and `jwt`: path of the token, read again at each login. For `kubernetes` the usual path when not set.',
  },
  VAULT_TOKEN: { schema: text, secret: true, group: VAULT, doc: 'For `token`: the token.' },
  VAULT_KV_MOUNT: { schema: vaultName, default: 'secret', group: VAULT, doc: 'Mount of the KV v2 engine.' },
  VAULT_KV_PATH: {
    schema: vaultName,
    default: 'lm-token-broker/logicmonitor',
    group: VAULT,
    doc: 'Path of the secret that holds the LogicMonitor key pair.',
  },
  VAULT_KV_ACCESS_ID_FIELD: {
    schema: text,
    default: 'access_id',
    group: VAULT,
    doc: 'Its field with the access id.',
  },
  VAULT_KV_ACCESS_KEY_FIELD: {
    schema: text,
    default: 'access_key',
    group: VAULT,
    doc: 'Its field with the access key.',
  },
  CREDENTIAL_REREAD: {
    schema: interval,
    default: '30s',
    group: VAULT,
    doc: 'How often the key pair is read again.',
  },
  CREDENTIAL_MAX_STALE: {
    schema: duration,
    default: '15m',
    group: VAULT,
    doc: 'How long the key pair in memory serves while Vault is down. It never does when Vault says no, or that the secret is gone.',
  },
  POLICY_DIR: {
    schema: text,
    group: FILES,
    doc: 'The policy bundle: `schema.cedarschema`, `policies/*.cedar`, `entities.yaml`, `issuers.yaml`, and its own cases, `tests/`, which must come out as they say.',
  },
  POLICY_CANDIDATE: {
    schema: text,
    group: FILES,
    doc: 'Another bundle, which decides nothing: `/policy/candidate` and metrics tell what it would have decided otherwise.',
  },
  RELOAD_EVERY: {
    schema: interval,
    default: '5s',
    group: FILES,
    doc: 'How often policy and TLS files are looked at for a change.',
  },
  JWT_CACHE: {
    schema: duration,
    default: '5m',
    group: FILES,
    doc: 'How long a JWT whose signature was verified is not verified again; its times and its key are looked at each time.',
  },
  JWKS_REFRESH: {
    schema: interval,
    default: '10m',
    group: FILES,
    doc: 'How often an issuer’s keys are fetched again.',
  },
  JWKS_MAX_STALE: {
    schema: duration,
    default: '24h',
    group: FILES,
    doc: 'How long an issuer’s keys serve while the issuer is down.',
  },
  JWKS_COOLDOWN: {
    schema: interval,
    default: '30s',
    group: FILES,
    doc: 'Shortest time between two fetches of an issuer’s keys, whatever key ids callers send.',
  },
  AUDIT_DIR: {
    schema: text,
    group: FILES,
    doc: 'Folder of the audit log; on a volume that outlives the process.',
  },
  AUDIT_MIN_FREE: {
    schema: sizeFrom('1MB', '999999999GB'),
    default: '64MB',
    group: FILES,
    doc: 'Free space below which nothing new is minted, so that what is under way can still be recorded.',
  },
  AUDIT_WRITE_TIMEOUT: {
    schema: duration,
    default: '2s',
    group: FILES,
    doc: 'Longest wait for an audit record to be on disk.',
  },
  REQUEST_TIMEOUT: { schema: duration, default: '20s', group: BOUNDS, doc: 'Longest time for one request.' },
  LM_ATTEMPT_TIMEOUT: {
    schema: duration,
    default: '8s',
    group: BOUNDS,
    doc: 'Longest time for one call to LogicMonitor.',
  },
  LM_CONNECT_TIMEOUT: {
    schema: duration,
    default: '2s',
    group: BOUNDS,
    doc: 'Longest time for a connection to LogicMonitor.',
  },
  VAULT_TIMEOUT: {
    schema: duration,
    default: '2s',
    group: BOUNDS,
    doc: 'Longest time for one call to Vault.',
  },
  ISSUER_TIMEOUT: {
    schema: duration,
    default: '2s',
    group: BOUNDS,
    doc: 'Longest time for one fetch from an issuer of identities.',
  },
  RECEIVE_TIMEOUT: {
    schema: duration,
    default: '10s',
    group: BOUNDS,
    doc: 'Longest time for a request to arrive whole, headers and body.',
  },
  BODY_LIMIT: { schema: sizeFrom('256B', '1MB'), default: '16kB', group: BOUNDS, doc: 'Largest body.' },
  HEADER_LIMIT: {
    schema: sizeFrom('2kB', '256kB'),
    default: '16kB',
    group: BOUNDS,
    doc: 'Largest header block.',
  },
  MAX_IN_FLIGHT: {
    schema: countUpTo(999999),
    default: '1000',
    group: BOUNDS,
    doc: 'Requests at the same time; more are answered 503 `overloaded`.',
  },
  CALLER_RATE: {
    schema: countUpTo(999999),
    default: '20',
    group: BOUNDS,
    doc: 'Requests a second that one caller may make; more are answered 429 `too-many-requests`.',
  },
  CALLER_BURST: {
    schema: countUpTo(999999),
    default: '100',
    group: BOUNDS,
    doc: 'Requests that one caller may make at once, after a pause.',
  },
  DRAIN_LEAD: {
    schema: duration,
    default: '5s',
    group: BOUNDS,
    doc: 'After SIGTERM: how long requests are still served while `/readyz` says 503.',
  },
  DRAIN_TIMEOUT: {
    schema: duration,
    default: '25s',
    group: BOUNDS,
    doc: 'After SIGTERM: when the process ends at the latest.',
  },
  LOG_LEVEL: {
    schema: z.enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error'),
    default: 'info',
    group: BOUNDS,
    doc: 'What is logged: `debug`, `info`, `warn` or `error`.',
  },
} as const satisfies Record<string, Setting>;
