import { rootCertificates } from 'node:tls';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type Config, ConfigFault, loadConfig } from '../src/config.ts';
import { Secret } from '../src/mint/secret.ts';
import { SETTINGS } from '../src/settings.ts';

type Env = Record<string, string | undefined>;

/** The least that starts a broker. */
const LEAST: Env = {
  LM_COMPANY: 'acme',
  VAULT_ADDR: 'https://vault.internal:8200',
  VAULT_ROLE_ID: 'the-role-id',
  VAULT_SECRET_ID: 'the-secret-id',
  POLICY_DIR: '/etc/policy',
  AUDIT_DIR: '/var/audit',
};

/** Any certificate will do. */
const CA = rootCertificates[0] ?? '';
const files: Record<string, string> = {
  '/not-pem': 'not-a-certificate',
  '/run/secret': '  from-a-file\n',
  '/run/empty': '\n',
  '/ca.pem': CA,
};

function readText(path: string): string {
  const text = files[path];
  if (text === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' });
  return text;
}

const load = (changes: Env = {}): Config => loadConfig({ ...LEAST, ...changes }, readText);

/** The faults of a configuration; none when it is fit. */
function faults(changes: Env): readonly string[] {
  try {
    load(changes);
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigFault) return thrown.faults;
    throw thrown;
  }
}

/** Checks that this one setting, and nothing else, is at fault. */
function isFault(t: Test, name: string, value: string, said?: RegExp): void {
  const found = faults({ [name]: value });
  t.equal(found.length, 1, `${name}=${JSON.stringify(value)}`);
  t.match(found[0], said ?? new RegExp(`^${name} must `));
}

t.test('the least is enough, and the rest is what the table says', async (t) => {
  const config = load();
  t.match(config, {
    lmUrl: 'https://acme.logicmonitor.com/santaba/rest',
    VAULT_ADDR: 'https://vault.internal:8200',
    LISTEN: { host: '127.0.0.1', port: 8080 },
    PRIVATE_LISTEN: { host: '127.0.0.1', port: 9090 },
    TRUSTED_PROXIES: [],
    REQUEST_TIMEOUT: 20_000,
    LM_ATTEMPT_TIMEOUT: 8_000,
    LM_CONNECT_TIMEOUT: 2_000,
    CREDENTIAL_REREAD: 30_000,
    CREDENTIAL_MAX_STALE: 900_000,
    BODY_LIMIT: 16_000,
    AUDIT_MIN_FREE: 64_000_000,
    MAX_IN_FLIGHT: 1_000,
    vaultLogin: { method: 'approle', mount: 'approle' },
  });
  t.equal(config.LM_OWN_ADMIN_ID, undefined);
  t.ok(Object.isFrozen(config));
});

t.test('every default is fit for its own setting, and is in the form in which it would be set', async (t) => {
  for (const [name, setting] of Object.entries(SETTINGS)) {
    if ('default' in setting && setting.default !== '')
      t.strictSame(faults({ [name]: setting.default }), [], name);
  }
});

t.test('all faults are reported at once, each by the name of its variable', async (t) => {
  const broken = {
    LISTEN: 'x',
    LM_COMPANY: 'a.b',
    VAULT_ADDR: 'http://vault',
    REQUEST_TIMEOUT: '5',
    BODY_LIMIT: '1',
  };
  const found = faults({ ...broken, AUDIT_DIR: '', VAULT_SECRET_ID: undefined, MAX_IN_FLIGHT: '0' });
  const names = found.map((fault) => fault.split(' ')[0] ?? '');
  t.strictSame(
    names.toSorted(),
    [...Object.keys(broken), 'AUDIT_DIR', 'MAX_IN_FLIGHT', 'VAULT_SECRET_ID'].sort(),
  );
  t.throws(() => load({ LISTEN: 'x', AUDIT_DIR: '' }), {
    name: 'ConfigFault',
    message: /^The configuration has 2 faults:\n {2}LISTEN must .*\n {2}AUDIT_DIR is not set/,
  });
  t.throws(() => load({ LISTEN: 'x' }), {
    message: /^The configuration has a fault:\n {2}LISTEN must [^\n]*$/,
  });
});

t.test('an empty environment lacks just what nobody can guess', async (t) => {
  let message = '';
  try {
    loadConfig({});
  } catch (thrown) {
    message = String(thrown);
  }
  t.strictSame(
    [...message.matchAll(/^ {2}([A-Z_]+) is not set/gm)].map(([, name]) => name).sort(),
    Object.keys(LEAST).sort(),
  );
});

t.test('a variable that is empty counts as not set', async (t) => {
  t.strictSame(
    load(Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, LEAST[name] ?? '']))),
    load(),
  );
  t.strictSame(faults({ VAULT_SECRET_ID: '', VAULT_SECRET_ID_FILE: '/run/secret' }), []);
  t.strictSame(faults({ VAULT_SECRET_ID_FILE: '' }), []);
});

t.test(
  'a secret can be in a file, without the white space around it; both ways at once are a fault',
  async (t) => {
    const login = load({ VAULT_SECRET_ID: undefined, VAULT_SECRET_ID_FILE: '/run/secret' }).vaultLogin;
    t.equal(login.method === 'approle' && login.secretId.reveal(), 'from-a-file');
    t.strictSame(faults({ VAULT_SECRET_ID_FILE: '/run/secret' }), [
      'VAULT_SECRET_ID and VAULT_SECRET_ID_FILE are both set; set one of them.',
    ]);
    t.strictSame(faults({ VAULT_SECRET_ID: undefined, VAULT_SECRET_ID_FILE: '/nowhere' }), [
      'VAULT_SECRET_ID_FILE names a file that cannot be read (ENOENT).',
    ]);
    t.match(faults({ VAULT_SECRET_ID: undefined, VAULT_SECRET_ID_FILE: '/run/empty' }), [
      /^VAULT_SECRET_ID is not set/,
    ]);
    t.match(
      faults({ AUDIT_DIR: undefined, AUDIT_DIR_FILE: '/run/secret' }),
      [/^AUDIT_DIR is not set/],
      'only secrets',
    );
  },
);

t.test('secrets print as [secret], and no fault repeats what was given for one', async (t) => {
  const secrets = {
    VAULT_ROLE_ID: 'canary-role',
    VAULT_SECRET_ID: 'canary-secret',
    VAULT_TOKEN: 'canary-token',
  };
  const config = load(secrets);
  for (const printed of [JSON.stringify(config), inspect(config, { depth: null, showHidden: true })]) {
    t.match(printed, '[secret]');
    t.notMatch(printed, 'canary');
  }
  const broken: Env = {
    ...secrets,
    LISTEN: 'x',
    VAULT_AUTH_METHOD: 'x',
    VAULT_ADDR: 'https://me:canary@vault',
  };
  for (const name of Object.keys(secrets)) broken[`${name}_FILE`] = 'canary-instead-of-a-path';
  t.notMatch(faults(broken).join('\n'), 'canary');
  t.notMatch(faults({ VAULT_TOKEN: undefined, VAULT_TOKEN_FILE: 'canary' }).join('\n'), 'canary');
});

t.test('the portal is a company and a domain, or a whole URL', async (t) => {
  t.equal(load({ LM_DOMAIN: 'lmgov.us' }).lmUrl, 'https://acme.lmgov.us/santaba/rest');
  const urls: Record<string, string> = {
    'http://127.0.0.1:4010': 'http://127.0.0.1:4010/santaba/rest',
    'http://localhost:4010/': 'http://localhost:4010/santaba/rest',
    'http://[::1]:4010/santaba/rest/': 'http://[::1]:4010/santaba/rest',
    'https://proxy.example/lm': 'https://proxy.example/lm',
    'HTTPS://Proxy.Example//lm//': 'https://proxy.example//lm',
  };
  for (const [LM_URL, lmUrl] of Object.entries(urls)) t.equal(load({ LM_COMPANY: '', LM_URL }).lmUrl, lmUrl);
  t.strictSame(faults({ LM_URL: 'https://proxy.example' }), [
    'LM_URL and LM_COMPANY are both set; set one of them.',
  ]);
  t.match(faults({ LM_COMPANY: '' }), [/^LM_COMPANY is not set \(nor is LM_URL\)/]);
  for (const company of [
    'acme.evil.com',
    'acme/',
    'acme@evil',
    '-acme',
    'acme-',
    'a b',
    'ä',
    'acme#',
    'x'.repeat(64),
  ])
    isFault(t, 'LM_COMPANY', company);
  for (const domain of ['localhost', 'evil.com/', '.com', 'a..b', 'a.b:80', 'a.b#'])
    isFault(t, 'LM_DOMAIN', domain);
});

t.test(
  'a URL is http or https, without user, query or fragment, and plain http goes to loopback only',
  async (t) => {
    const odd = [
      'javascript:alert(1)',
      'file:///etc/passwd',
      'ftp://vault',
      'vault:8200',
      '//vault',
      'https:vault',
      'https:///vault',
      'https://',
      'https://vault:99999',
      'https://user@vault',
      'https://user:pw@vault',
      'https://vault?x=1',
      'https://vault/?',
      'https://vault/#',
      'http://vault',
      'http://127.0.0.1.evil.com',
      'http://localhost.evil.com',
      'http://127.0.0.1@evil.com',
      'http://10.0.0.1',
      'http://0.0.0.0',
      'http://[::2]',
    ];
    for (const url of odd) {
      isFault(t, 'VAULT_ADDR', url, /^VAULT_ADDR m(?:ust|ay) /);
      t.match(faults({ LM_COMPANY: '', LM_URL: url }), [/^LM_URL m(?:ust|ay) /], url);
    }
    for (const url of ['https://vault/', 'https://vault', 'https://VAULT:443//'])
      t.equal(load({ VAULT_ADDR: url }).VAULT_ADDR, 'https://vault', url);
    t.equal(load({ VAULT_ADDR: 'http://127.9.9.9:8200/base/' }).VAULT_ADDR, 'http://127.9.9.9:8200/base');
  },
);

t.test('each way to log in says what it lacks, and takes what it needs', async (t) => {
  const none = { VAULT_ROLE_ID: undefined, VAULT_SECRET_ID: undefined };
  const lacks = (method: string, more: Env = {}) =>
    faults({ ...none, VAULT_AUTH_METHOD: method, ...more }).map((fault) =>
      fault.slice(0, fault.indexOf('.')),
    );
  const why = (method: string) => `is not set, but VAULT_AUTH_METHOD is ${method}`;
  t.strictSame(
    lacks('approle'),
    ['VAULT_ROLE_ID', 'VAULT_SECRET_ID'].map((name) => `${name} ${why('approle')}`),
  );
  t.strictSame(lacks('kubernetes'), [`VAULT_ROLE ${why('kubernetes')}`]);
  t.strictSame(
    lacks('jwt'),
    ['VAULT_ROLE', 'VAULT_JWT_FILE'].map((name) => `${name} ${why('jwt')}`),
  );
  t.strictSame(lacks('token'), [`VAULT_TOKEN ${why('token')}`]);
  t.strictSame(
    lacks('ldap'),
    ['VAULT_AUTH_METHOD must be approle, kubernetes, jwt or token'],
    'and nothing follows',
  );

  const login = (method: string, more: Env) =>
    load({ ...none, VAULT_AUTH_METHOD: method, ...more }).vaultLogin;
  t.strictSame(login('kubernetes', { VAULT_ROLE: 'r' }), {
    method: 'kubernetes',
    mount: 'kubernetes',
    role: 'r',
    jwtFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  });
  t.strictSame(login('jwt', { VAULT_ROLE: 'r', VAULT_JWT_FILE: '/j', VAULT_AUTH_MOUNT: 'ci' }), {
    method: 'jwt',
    mount: 'ci',
    role: 'r',
    jwtFile: '/j',
  });
  const token = login('token', { VAULT_TOKEN: 's.abc' });
  t.equal(token.method === 'token' && token.token.reveal(), 's.abc');
  t.ok(token.method === 'token' && token.token instanceof Secret);
});

t.test('a CA is read at once, and one that cannot be read is a fault', async (t) => {
  t.equal(load({ VAULT_CACERT: '/ca.pem' }).vaultCaPem, CA);
  t.strictSame(faults({ VAULT_CACERT: '/nowhere' }), [
    'VAULT_CACERT names a file that cannot be read (ENOENT).',
  ]);
  t.strictSame(faults({ VAULT_CACERT: '/not-pem' }), [
    'VAULT_CACERT names a file that holds no certificate in PEM form.',
  ]);
});

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

t.test('a time is a whole number and one unit, from 1 ms to what a timer can hold', async (t) => {
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), fc.constantFrom(...Object.keys(UNIT_MS)), (count, unit) => {
      const ms = count * (UNIT_MS[unit] ?? 0);
      const RECEIVE_TIMEOUT = `${count}${unit}`; // nests in nothing
      if (ms < 1 || ms > 2 ** 31 - 1) return faults({ RECEIVE_TIMEOUT }).length === 1;
      return load({ RECEIVE_TIMEOUT }).RECEIVE_TIMEOUT === ms;
    }),
  );
  for (const odd of [
    '30',
    '1.5s',
    '-1s',
    ' 1s',
    '1s ',
    '1 s',
    '1S',
    '1h30m',
    '1w',
    's',
    '0s',
    '1e3s',
    '１s',
    '25d',
    '1s\n',
  ])
    isFault(t, 'RECEIVE_TIMEOUT', odd);
});

t.test('what is done again and again has 100 ms in between at least', async (t) => {
  for (const name of ['CREDENTIAL_REREAD', 'JWKS_REFRESH', 'JWKS_COOLDOWN'] as const) {
    t.equal(load({ [name]: '100ms' })[name], 100);
    isFault(t, name, '99ms');
  }
});

t.test('a size is a whole number and one unit', async (t) => {
  const bytes = {
    '1000000B': 1_000_000,
    '16000kB': 16_000_000,
    '16000KiB': 16_384_000,
    '64MB': 64_000_000,
    '1MiB': 1_048_576,
    '2GB': 2e9,
    '1GiB': 2 ** 30,
  };
  for (const [text, size] of Object.entries(bytes))
    t.equal(load({ AUDIT_MIN_FREE: text }).AUDIT_MIN_FREE, size, text);
  for (const odd of ['16', '16k', '16KB', '1.5MB', '-1B', '1 MB', 'MB', '16kb', '1TB', '9999999999B'])
    isFault(t, 'AUDIT_MIN_FREE', odd);
});

t.test('sizes stay within bounds in which the broker works', async (t) => {
  const bounds = {
    BODY_LIMIT: ['256B', '1MB'],
    HEADER_LIMIT: ['2kB', '256kB'],
    AUDIT_MIN_FREE: ['1MB', '999999999GB'],
  };
  const beyond = {
    BODY_LIMIT: ['0B', '255B', '1MiB'],
    HEADER_LIMIT: ['0B', '1999B', '1GB'],
    AUDIT_MIN_FREE: ['0B', '999kB'],
  };
  for (const [name, sizes] of Object.entries(bounds))
    for (const text of sizes) t.ok(load({ [name]: text }), name);
  for (const name of ['BODY_LIMIT', 'HEADER_LIMIT', 'AUDIT_MIN_FREE'] as const)
    for (const text of beyond[name]) isFault(t, name, text);
});

t.test('a path in Vault cannot reach another mount', async (t) => {
  t.equal(load({ VAULT_KV_PATH: 'team/a b' }).VAULT_KV_PATH, 'team/a b');
  for (const name of ['VAULT_KV_PATH', 'VAULT_KV_MOUNT', 'VAULT_AUTH_MOUNT'] as const)
    for (const odd of ['../x', 'a/../b', '/a', 'a/', 'a//b', '.', 'a\n']) isFault(t, name, odd);
});

t.test('an address is a host and a port, an IPv6 one in brackets', async (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.domain(), fc.ipV6()), fc.nat({ max: 70_000 }), (host, port) => {
      const LISTEN = `${host.includes(':') ? `[${host}]` : host}:${port}`;
      if (port > 65_535) return faults({ LISTEN }).length === 1;
      const read = load({ LISTEN }).LISTEN;
      return read.host === host && read.port === port;
    }),
  );
  for (const odd of [
    '8080',
    ':8080',
    'host',
    'host:',
    '::1:80',
    '[::1]',
    'a b:80',
    'http://a:80',
    'a:80/',
    '[x]:80',
    'a:-1',
  ])
    isFault(t, 'LISTEN', odd);
  t.equal(load({ PRIVATE_LISTEN: 'off' }).PRIVATE_LISTEN, 'off');
  t.match(faults({ LISTEN: 'off' }), [/^LISTEN must be an address and a port/]);
  t.match(faults({ PRIVATE_LISTEN: 'of' }), [/^PRIVATE_LISTEN /]);
});

t.test('proxies are addresses and networks, and one that is neither is named', async (t) => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.ipV4().map((base) => `${base}/8`),
        ),
      ),
      (list) => {
        const read = load({ TRUSTED_PROXIES: list.join(' , ') }).TRUSTED_PROXIES;
        return JSON.stringify(read) === JSON.stringify(list);
      },
    ),
  );
  for (const odd of [
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0',
    'proxy',
    '*',
    '10.0.0.0/-1',
    '10.0.0.0/a',
  ])
    isFault(
      t,
      'TRUSTED_PROXIES',
      `127.0.0.1, ${odd}`,
      new RegExp(`^TRUSTED_PROXIES names "${odd.replace(/[*.]/g, '\\$&')}"`),
    );
});

t.test('numbers and words are taken as listed, and nothing near them', async (t) => {
  t.equal(load({ LM_OWN_ADMIN_ID: '7' }).LM_OWN_ADMIN_ID, 7);
  for (const odd of ['0', '-7', '07', '2147483648', 'seven']) isFault(t, 'LM_OWN_ADMIN_ID', odd);
  for (const odd of ['0', '1e3', '10000', '-1']) isFault(t, 'LM_CONNECTIONS', odd);
  for (const odd of ['INFO', 'trace', 'silent']) isFault(t, 'LOG_LEVEL', odd);
});

t.test('deadlines that do not fit into one another are refused, each pair by name', async (t) => {
  const pairs = {
    LM_CONNECT_TIMEOUT: 'LM_ATTEMPT_TIMEOUT',
    LM_ATTEMPT_TIMEOUT: 'REQUEST_TIMEOUT',
    VAULT_TIMEOUT: 'REQUEST_TIMEOUT',
    ISSUER_TIMEOUT: 'REQUEST_TIMEOUT',
    AUDIT_WRITE_TIMEOUT: 'REQUEST_TIMEOUT',
    CREDENTIAL_REREAD: 'CREDENTIAL_MAX_STALE',
    JWKS_REFRESH: 'JWKS_MAX_STALE',
    DRAIN_LEAD: 'DRAIN_TIMEOUT',
  };
  const config = load();
  for (const [shorter, longer] of Object.entries(pairs)) {
    const limit = config[longer as 'REQUEST_TIMEOUT']; // `as`: any of the names above, all of them times
    const said = faults({ [shorter]: `${limit}ms` });
    t.ok(said.includes(`${shorter} (${limit} ms) must be shorter than ${longer} (${limit} ms).`), shorter);
  }
  t.equal(faults({ REQUEST_TIMEOUT: '1s' }).length, 4);
});

t.test('no name is one that Kubernetes injects for a service, whatever the service is called', async (t) => {
  const injected =
    /_SERVICE_HOST$|_SERVICE_PORT(?:_|$)|_PORT$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/;
  for (const service of ['LM_TOKEN_BROKER', 'VAULT', 'LM'])
    t.match(`${service}_PORT_8080_TCP_ADDR`, injected);
  for (const name of Object.keys(SETTINGS)) {
    t.match(name, /^[A-Z][A-Z0-9_]*$/);
    t.notMatch(name, injected);
    t.notMatch(`${name}_FILE`, injected);
  }
  t.strictSame(
    faults({ VAULT_PORT: 'tcp://10.0.0.1:8200', LM_SERVICE_HOST: '10.0.0.2', LM_TOKEN_BROKER_PORT: 'x' }),
    [],
  );
});

t.test('the file of one setting is never the name of another', async (t) => {
  const names = Object.keys(SETTINGS);
  const asFiles = Object.entries(SETTINGS).flatMap(([name, setting]) =>
    'secret' in setting ? [`${name}_FILE`] : [],
  );
  t.strictSame(
    asFiles.filter((name) => names.includes(name)),
    [],
  );
});
