import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { Deadline, systemClock } from '../../src/mint/clock.ts';
import { Secret } from '../../src/mint/secret.ts';
import { vaultClient } from '../../src/vault/client.ts';
import { VaultFault } from '../../src/vault/fault.ts';
import { vaultPath } from '../../src/vault/path.ts';
import { openTransport } from '../../src/vault/transport.ts';
import { startOpenBao } from '../support/openbao.ts';
import { fakeVault, type Owner, type Reply, refused, secret } from './fake-vault.ts';
import { openSource, outcome, rendered, settingsAt, settingsFor, soon } from './parts.ts';

const run = promisify(execFile);
const TOKEN = 'hvs.the-broker-token';
const SENT = 'sent-secret-id';

/** A call to the server, with a deadline in ms. */
function open(t: Owner, address: string, other: { timeoutMs?: number; namespace?: string } = {}) {
  const { timeoutMs = 2_000, namespace } = other;
  const transport = openTransport({ address, timeoutMs }, systemClock);
  t.teardown(() => transport.destroy());
  const client = vaultClient({ address, namespace }, transport);
  return (ms = 5_000) =>
    client({
      path: vaultPath('secret', 'x'),
      token: new Secret(TOKEN),
      body: { secret_id: SENT },
      answer: z.object({ data: z.unknown() }),
      deadline: new Deadline(systemClock, ms),
    });
}

/** The fault of a call, after a look that nothing of the exchange is in it. */
async function faultOf(t: Pick<Test, 'notOk' | 'equal'>, promise: Promise<unknown>): Promise<string> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(thrown instanceof VaultFault)) throw thrown;
  const text = rendered(thrown);
  for (const secret of [TOKEN, SENT, 'the-answer']) t.notOk(text.includes(secret), `no ${secret}`);
  t.equal(thrown.cause, undefined);
  return [thrown.kind, thrown.status, thrown.code, thrown.retryAfterS].filter(Boolean).join(' ');
}

t.test('every answer that is none comes out as a fault of a closed set', async (t) => {
  const answers: [string, Reply | undefined][] = [
    ['unreachable UND_ERR_SOCKET', undefined],
    ['denied 403', refused(403, 'the-answer')],
    ['protocol 403 foreign-answer', { status: 403, body: '<html>the-answer</html>' }],
    ['protocol 404 foreign-answer', { status: 404, body: '<html>the-answer</html>' }],
    ['protocol 401 foreign-answer', { status: 401, body: { message: 'the-answer' } }],
    ['not-found 404', refused(404)],
    ['bad-request 400', refused(400, 'the-answer')],
    ['sealed 503', refused(503, 'Vault is sealed')],
    ['server 503', { status: 503, body: 'the-answer' }],
    ['server 500', refused(500, 'the-answer')],
    ['rate-limited 429 7', { ...refused(429, 'the-answer'), headers: { 'retry-after': '7' } }],
    ['rate-limited 429 1', { ...refused(429), headers: { 'retry-after': '0' } }],
    ['rate-limited 429', { ...refused(429), headers: { 'retry-after': '-5' } }],
    ['protocol 200 foreign-answer', { status: 200, body: '<html>the-answer</html>' }],
    ['protocol unexpected-answer', { status: 200, body: ['the-answer'] }],
    ['protocol UND_ERR_RES_EXCEEDED_MAX_SIZE', { status: 200, body: { data: 'the-answer'.repeat(200_000) } }],
  ];
  for (const [fault, reply] of answers) {
    const vault = await fakeVault(t, () => reply);
    t.equal(await faultOf(t, open(t, vault.address)()), fault, fault);
  }
});

t.test('a redirect is not followed, and the token goes nowhere else', async (t) => {
  const elsewhere = await fakeVault(t, () => secret({}));
  for (const status of [301, 302, 307, 308]) {
    const vault = await fakeVault(t, () => ({
      status,
      headers: { location: `${elsewhere.address}/v1/secret/x` },
    }));
    t.equal(await faultOf(t, open(t, vault.address)()), `protocol ${status} redirect`);
    const { source } = openSource(t, settingsAt(vault.address));
    t.equal(await outcome(source.reread(soon())), 'vault-unavailable vault-redirect');
  }
  t.strictSame(elsewhere.calls, []);
});

t.test('a call ends by the deadline of its caller or by its own, whichever is earlier', async (t) => {
  const vault = await fakeVault(t, () => new Promise<Reply>(() => {}));
  const startedAt = performance.now();
  t.equal(await faultOf(t, open(t, vault.address)(60)), 'timeout');
  t.equal(await faultOf(t, open(t, vault.address, { timeoutMs: 60 })()), 'timeout');
  t.ok(performance.now() - startedAt < 1_000);
  t.equal(await faultOf(t, open(t, 'http://127.0.0.1:1')()), 'unreachable ECONNREFUSED');
});

t.test('connections are kept, and each call carries its own token and the namespace', async (t) => {
  const vault = await fakeVault(t, () => secret({}));
  const call = open(t, `${vault.address}/`, { namespace: 'team/a' });
  await call();
  await call();
  t.match(vault.calls, [
    {
      path: '/v1/secret/x',
      token: TOKEN,
      headers: { 'x-vault-namespace': 'team/a', connection: 'keep-alive' },
    },
    { path: '/v1/secret/x', token: TOKEN, body: { secret_id: SENT } },
  ]);
});

t.test('a path reaches nothing but what its segments name', async (t) => {
  t.equal(
    vaultPath('kv/team', 'data', 'a b/ü?#%2e%2e&#x2F;'),
    'kv/team/data/a%20b/%C3%BC%3F%23%252e%252e%26%23x2F%3B',
  );
  for (const path of ['', '/a', 'a/', 'a//b', '.', '..', 'a/../b', 'a/./b', 'a\nb', 'a\ud800']) {
    t.throws(() => vaultPath('kv', path), TypeError, JSON.stringify(path));
  }
  const kv = { mount: 'kv', path: '../sys', accessIdField: 'id', accessKeyField: 'key' };
  t.throws(() => openSource(t, settingsAt('http://127.0.0.1:1', { kv })), TypeError);
});

const withoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

t.test('one’s own CA is trusted, and nothing without it', { skip: withoutOpenssl }, async (t) => {
  const made = await makeCertificates(t.testdir());
  const bao = await startOpenBao(t, {}, { tls: made });
  const caPem = await readFile(made.caFile, 'utf8');
  const { source } = openSource(t, { ...settingsFor(bao), caPem });
  t.equal((await source.reread(soon())).version, 1);
  const { source: without, events } = openSource(t, settingsFor(bao));
  t.teardown(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  t.equal(await outcome(without.reread(soon())), 'vault-unavailable vault-unreachable');
  t.match(events.lines, [{ detail: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } }]);
});

/** A CA, and a certificate of it for 127.0.0.1. */
async function makeCertificates(folder: string) {
  const file = (name: string) => join(folder, name);
  const key = (name: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    file(name),
  ];
  await run('openssl', [
    'req',
    '-x509',
    ...key('ca.key'),
    '-out',
    file('ca.pem'),
    '-subj',
    '/CN=test ca',
    '-days',
    '2',
  ]);
  await run('openssl', [
    ...['req', '-x509', ...key('server.key'), '-out', file('server.pem'), '-subj', '/CN=vault', '-days', '2'],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key')],
    ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE'],
  ]);
  return { certFile: file('server.pem'), keyFile: file('server.key'), caFile: file('ca.pem') };
}
