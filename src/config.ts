import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { Secret } from './mint/secret.ts';
import { SETTINGS, type Setting } from './settings.ts';
import { TLS_FILES, tlsFaults } from './tls-faults.ts';
import type { Login } from './vault/login.ts';

type Name = keyof typeof SETTINGS;
type Value<N extends Name> = z.output<(typeof SETTINGS)[N]['schema']>;
type IsSecret<N extends Name> = (typeof SETTINGS)[N] extends { secret: true } ? Secret : Value<N>;
type Values = {
  readonly [N in Name]: (typeof SETTINGS)[N] extends { default: string } ? Value<N> : IsSecret<N> | undefined;
};

/** The whole configuration, checked and frozen. Times are in milliseconds, sizes in bytes. */
export type Config = Omit<
  Values,
  'LM_COMPANY' | 'LM_DOMAIN' | 'LM_URL' | 'VAULT_ADDR' | 'POLICY_DIR' | 'AUDIT_DIR'
> & {
  /** Base URL of LM's API, ending in `/santaba/rest`. */
  readonly lmUrl: string;
  readonly VAULT_ADDR: string;
  readonly POLICY_DIR: string;
  readonly AUDIT_DIR: string;
  readonly vaultLogin: Login;
  readonly vaultCaPem: string | undefined;
};

/** Everything that is wrong with the configuration, a line each, by the name of the variable. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
    this.faults = faults;
  }
}

/** Reads a file that a setting names; throws when it cannot. */
export type ReadText = (path: string) => string;

/**
 * Reads the configuration from environment variables; an empty one counts as not set.
 * Throws `ConfigFault` with all faults at once. Values of secrets appear in no fault.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): Config {
  const faults: string[] = [];
  const values = readValues(env, readText, faults);
  const faulty = (name: Name): boolean =>
    faults.some((fault) => fault.startsWith(`${name} `) || fault.startsWith(`${name}_FILE `));
  const required = (name: Name, why = ''): void => {
    if (values[name] === undefined && !faulty(name)) {
      faults.push(`${name} is not set${why}. ${SETTINGS[name].doc}`);
    }
  };
  for (const name of ['VAULT_ADDR', 'POLICY_DIR', 'AUDIT_DIR'] as const) required(name);
  if (env['LM_URL'] && env['LM_COMPANY']) faults.push('LM_URL and LM_COMPANY are both set; set one of them.');
  else if (!env['LM_URL']) required('LM_COMPANY', ' (nor is LM_URL)');
  if (!faulty('VAULT_AUTH_METHOD')) {
    for (const name of LOGIN_NEEDS[values.VAULT_AUTH_METHOD])
      required(name, `, but VAULT_AUTH_METHOD is ${values.VAULT_AUTH_METHOD}`);
  }
  faults.push(...nestingFaults(values));
  const tlsTexts = TLS_FILES.map((name) => {
    const path = values[name];
    return [name, path === undefined ? undefined : readNamed(name, path, readText, faults)] as const;
  });
  faults.push(...tlsFaults(values, Object.fromEntries(tlsTexts)));
  let vaultCaPem: string | undefined;
  if (values.VAULT_CACERT !== undefined)
    vaultCaPem = readCertificates('VAULT_CACERT', values.VAULT_CACERT, readText, faults);
  if (faults.length > 0) throw new ConfigFault(faults);
  const { LM_COMPANY, LM_DOMAIN, LM_URL, VAULT_ADDR = '', POLICY_DIR = '', AUDIT_DIR = '', ...rest } = values;
  return Object.freeze({
    ...rest,
    VAULT_ADDR,
    POLICY_DIR,
    AUDIT_DIR,
    lmUrl: LM_URL === undefined ? `https://${LM_COMPANY}.${LM_DOMAIN}/santaba/rest` : withBasePath(LM_URL),
    vaultLogin: vaultLogin(values),
    vaultCaPem,
  });
}

const LOGIN_NEEDS: Readonly<Record<Login['method'], readonly Name[]>> = {
  approle: ['VAULT_ROLE_ID', 'VAULT_SECRET_ID'],
  kubernetes: ['VAULT_ROLE'],
  jwt: ['VAULT_ROLE', 'VAULT_JWT_FILE'],
  token: ['VAULT_TOKEN'],
};

function readValues(
  env: Readonly<Record<string, string | undefined>>,
  readText: ReadText,
  faults: string[],
): Values {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [Name, Setting][]) {
    // `as`: entries of the table, whose keys are its names and whose values it says satisfy Setting.
    let given = env[name] || undefined;
    const file = setting.secret ? env[`${name}_FILE`] || undefined : undefined;
    if (file !== undefined && given !== undefined)
      faults.push(`${name} and ${name}_FILE are both set; set one of them.`);
    else if (file !== undefined)
      given = readNamed(`${name}_FILE`, file, readText, faults)?.trim() || undefined;
    const parsed =
      given === undefined && setting.default === undefined
        ? undefined
        : setting.schema.safeParse(given ?? setting.default);
    if (parsed?.success) values[name] = setting.secret ? new Secret(String(parsed.data)) : parsed.data;
    else if (parsed) faults.push(`${name} ${parsed.error.issues.map(({ message }) => message).join('; ')}.`);
  }
  return values as Values; // `as`: built name by name from the table that the type is made from
}

function readNamed(name: string, path: string, readText: ReadText, faults: string[]): string | undefined {
  try {
    return readText(path);
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'unreadable';
    // Without the path: somebody may have put the secret itself there.
    faults.push(`${name} names a file that cannot be read (${code}).`);
    return undefined;
  }
}

/** The PEM text of a file; a fault when it holds no certificate. */
function readCertificates(
  name: string,
  path: string,
  readText: ReadText,
  faults: string[],
): string | undefined {
  const pem = readNamed(name, path, readText, faults);
  try {
    return pem === undefined ? undefined : new X509Certificate(pem) && pem;
  } catch {
    faults.push(`${name} names a file that holds no certificate in PEM form.`);
    return undefined;
  }
}

/** Deadlines that must fit into one another: the shorter, then the longer. */
const NESTED: readonly (readonly [Name, Name])[] = [
  ['LM_CONNECT_TIMEOUT', 'LM_ATTEMPT_TIMEOUT'],
  ['LM_ATTEMPT_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['VAULT_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['ISSUER_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['AUDIT_WRITE_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['CREDENTIAL_REREAD', 'CREDENTIAL_MAX_STALE'],
  ['JWKS_REFRESH', 'JWKS_MAX_STALE'],
  ['DRAIN_LEAD', 'DRAIN_TIMEOUT'],
];

function nestingFaults(values: Values): string[] {
  return NESTED.flatMap(([shorter, longer]) => {
    const [low, high] = [values[shorter], values[longer]];
    if (typeof low !== 'number' || typeof high !== 'number' || low < high) return [];
    return [`${shorter} (${low} ms) must be shorter than ${longer} (${high} ms).`];
  });
}

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

function vaultLogin(values: Values): Login {
  const method = values.VAULT_AUTH_METHOD;
  const mount = values.VAULT_AUTH_MOUNT ?? method;
  const none = new Secret('');
  switch (method) {
    case 'approle':
      return {
        method,
        mount,
        roleId: values.VAULT_ROLE_ID ?? none,
        secretId: values.VAULT_SECRET_ID ?? none,
      };
    case 'kubernetes':
    case 'jwt':
      return {
        method,
        mount,
        role: values.VAULT_ROLE ?? '',
        jwtFile: values.VAULT_JWT_FILE ?? SERVICE_ACCOUNT_TOKEN,
      };
    case 'token':
      return { method, token: values.VAULT_TOKEN ?? none };
  }
}

function withBasePath(url: string): string {
  const { origin, pathname } = new URL(url);
  return pathname === '/' ? `${origin}/santaba/rest` : `${origin}${pathname.replace(/\/+$/, '')}`;
}
