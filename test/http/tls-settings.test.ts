import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startBroker } from '../../demo/broker.ts';
import { ConfigFault, loadConfig } from '../../src/config.ts';
import { Authority } from '../support/certificates.ts';

const LEAST = {
  LM_COMPANY: 'acme',
  VAULT_ADDR: 'http://127.0.0.1:9',
  VAULT_ROLE_ID: 'the-role-id',
  VAULT_SECRET_ID: 'the-secret-id',
  POLICY_DIR: 'examples/policy',
  AUDIT_DIR: 'audit',
};

const folder = t.testdir();
const ca = Authority.root('CA');
const [server, other] = [ca.server(), ca.server()];
const encrypted = [
  '-----BEGIN ENCRYPTED PRIVATE KEY-----',
  server.keyPem.split('\n')[1],
  '-----END ENCRYPTED PRIVATE KEY-----',
].join('\n');
const files: Record<string, string> = {
  cert: server.pem,
  key: server.keyPem,
  other: other.keyPem,
  encrypted,
  ca: ca.pem,
  crl: ca.revocations([]),
  foreign: Authority.root('CA').revocations([]),
  broken: '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n',
  text: 'nothing in PEM form',
};
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
const at = (name: string): string => join(folder, name);

function faults(settings: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...LEAST, ...settings });
    return [];
  } catch (fault) {
    if (fault instanceof ConfigFault) return fault.faults;
    throw fault;
  }
}

t.test('settings of TLS that cannot work are refused, all at once and by name', async (t) => {
  const pair = { TLS_CERT_FILE: at('cert'), TLS_KEY_FILE: at('key') };
  const clients = { TLS_CLIENT_CA_FILE: at('ca'), TLS_CLIENT_CRL_FILE: at('crl') };
  const rows: [name: string, settings: Record<string, string>, faults: readonly string[]][] = [
    ['a pair', pair, []],
    ['a pair and clients', { ...pair, ...clients }, []],
    ['no key', { TLS_CERT_FILE: at('cert') }, ['TLS_CERT_FILE is set, but TLS_KEY_FILE is not.']],
    ['no certificate', { TLS_KEY_FILE: at('key') }, ['TLS_KEY_FILE is set, but TLS_CERT_FILE is not.']],
    ['clients without TLS', clients, ['TLS_CLIENT_CA_FILE is set, but TLS_CERT_FILE is not.']],
    [
      'lists without CAs',
      { ...pair, TLS_CLIENT_CRL_FILE: at('crl') },
      ['TLS_CLIENT_CRL_FILE is set, but TLS_CLIENT_CA_FILE is not.'],
    ],
    [
      'the key of another certificate',
      { ...pair, TLS_KEY_FILE: at('other') },
      ['TLS_KEY_FILE names a file that holds the key of another certificate.'],
    ],
    [
      'a key with a passphrase',
      { ...pair, TLS_KEY_FILE: at('encrypted') },
      ['TLS_KEY_FILE names a file that holds no private key in PEM form that needs no passphrase.'],
    ],
    [
      'nothing that can be read',
      {
        TLS_CERT_FILE: at('text'),
        TLS_KEY_FILE: at('text'),
        TLS_CLIENT_CA_FILE: at('text'),
        TLS_CLIENT_CRL_FILE: at('broken'),
      },
      [
        'TLS_CERT_FILE names a file that holds no certificate in PEM form.',
        'TLS_KEY_FILE names a file that holds no private key in PEM form that needs no passphrase.',
        'TLS_CLIENT_CA_FILE names a file that holds no CA certificate in PEM form.',
        'TLS_CLIENT_CRL_FILE names a file that holds no revocation list in PEM form.',
      ],
    ],
    [
      'no CA among them',
      { ...pair, TLS_CLIENT_CA_FILE: at('cert') },
      ['TLS_CLIENT_CA_FILE names a file that holds no CA certificate in PEM form.'],
    ],
    [
      'files that are not there',
      { ...pair, TLS_KEY_FILE: at('gone'), TLS_CLIENT_CA_FILE: at('gone') },
      [
        'TLS_KEY_FILE names a file that cannot be read (ENOENT).',
        'TLS_CLIENT_CA_FILE names a file that cannot be read (ENOENT).',
      ],
    ],
  ];
  for (const [name, settings, expected] of rows) t.strictSame(faults(settings), expected, name);
});

t.test('a list that the CA has not signed keeps the broker from starting, and is told by name', async (t) => {
  const settings = {
    ...LEAST,
    LISTEN: '127.0.0.1:0',
    PRIVATE_LISTEN: 'off',
    AUDIT_DIR: at('audit'),
    TLS_CERT_FILE: at('cert'),
    TLS_KEY_FILE: at('key'),
    TLS_CLIENT_CA_FILE: at('ca'),
    TLS_CLIENT_CRL_FILE: at('foreign'),
  };
  await t.rejects(startBroker(settings, at('broker.log')), {
    message: /TLS_CLIENT_CRL_FILE names a file that has a list of CN=CA that this CA has not signed\./,
  });
  t.notMatch(readFileSync(at('broker.log'), 'utf8'), /PRIVATE KEY/);
});
