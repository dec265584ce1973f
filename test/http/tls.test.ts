import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { until } from '../support/stack.ts';
import { Connection, wire } from './connection.ts';
import { isProblem } from './seen.ts';
import { startTlsStack } from './tls-stack.ts';

const RECEIVE_TIMEOUT_MS = 1_000;
// So long that nothing but SIGHUP makes the broker look at its files.
const stack = await startTlsStack(t, [], {
  RELOAD_EVERY: '1h',
  RECEIVE_TIMEOUT: `${RECEIVE_TIMEOUT_MS}ms`,
});
const { serverCa, broker } = stack;
const jwt = [['Authorization', `Bearer ${stack.callerJwt}`]] as const;
const { hostname, port } = new URL(broker.url);
const address = { host: hostname, port: Number(port) };

/** How often the log says this. */
async function said(what: string): Promise<number> {
  return (await stack.log()).split(what).length - 1;
}

/** SIGHUP, after which the log says this once more. */
async function hangUp(what: string): Promise<void> {
  const before = await said(what);
  broker.signal('SIGHUP');
  await until(async () => (await said(what)) > before, `the log to say: ${what}`);
}

/** The serial of the certificate that new connections are shown. */
async function shown(): Promise<string | undefined> {
  return (await stack.open()).socket.getPeerX509Certificate()?.serialNumber;
}

/** Resolves, with how long that took in ms, when the broker ends a connection. */
async function ended(t: Test, ...bytes: readonly (string | Buffer)[]): Promise<number> {
  const began = performance.now();
  const socket = connect(address);
  t.teardown(() => socket.destroy());
  socket.on('error', () => {}).resume();
  for (const some of bytes) socket.write(some);
  await once(socket, 'close');
  return performance.now() - began;
}

t.test('callers are served over TLS, and operators still in plain HTTP', async (t) => {
  t.match(broker.url, /^https:\/\/127\.0\.0\.1:[0-9]+$/);
  t.match(broker.privateUrl, /^http:/);
  t.match(await stack.readyz(), { status: 'ready' });
  const caller = await stack.open();
  t.equal(caller.socket.getProtocol(), 'TLSv1.3');
  t.equal((await caller.mint(jwt)).status, 201);
  t.equal((await (await stack.open(undefined, { maxVersion: 'TLSv1.2' })).mint(jwt)).status, 201);
});

t.test('another certificate is shown to new connections, and those that are open go on', async (t) => {
  const kept = await stack.open();
  t.equal((await kept.mint(jwt)).status, 201);
  const before = await shown();
  const next = serverCa.server();
  await stack.swap({ cert: next.pem, key: next.keyPem });
  t.equal(await shown(), before, 'not before the files are looked at');
  await hangUp('TLS files were replaced');
  t.equal(await shown(), next.serial.toString('hex').toUpperCase());
  t.equal((await kept.mint(jwt)).status, 201);
  t.equal(kept.socket.getPeerX509Certificate()?.serialNumber, before);
});

t.test('a pair that cannot serve leaves the one before, and the log says why without the key', async (t) => {
  const [before, other, another] = [await shown(), serverCa.server(), serverCa.server()];
  for (const [texts, reason] of [
    [
      { cert: other.pem, key: another.keyPem },
      'TLS_KEY_FILE names a file that holds the key of another certificate.',
    ],
    [
      { cert: 'nothing', key: other.keyPem },
      'TLS_CERT_FILE names a file that holds no certificate in PEM form.',
    ],
    [{ cert: other.pem, key: 'nothing' }, 'TLS_KEY_FILE names a file that holds no private key in PEM form'],
  ] as const) {
    await stack.swap(texts);
    await hangUp(reason);
    t.equal(await shown(), before);
    broker.signal('SIGHUP');
  }
  await stack.swap({ cert: other.pem, key: other.keyPem });
  await hangUp('TLS files were replaced');
  t.equal(await shown(), other.serial.toString('hex').toUpperCase());
  t.equal(await said('TLS files cannot be taken'), 3, 'each was told once');
  const [, secret = ''] = another.keyPem.split('\n');
  t.notOk((await stack.log()).includes(secret));
});

t.test('a client of an old TLS version gets no connection, nor does one that renegotiates', async (t) => {
  const old = connectTls({
    ...address,
    ca: serverCa.pem,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const [fault] = await once(old, 'error');
  t.match(fault, { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  const { socket } = await stack.open(undefined, { maxVersion: 'TLSv1.2' });
  const refused = once(socket, 'error');
  socket.renegotiate({}, () => {});
  t.match(await refused, [{ code: 'ERR_SSL_NO_RENEGOTIATION' }]);
});

t.test('what is no handshake is ended, in time, and the broker serves on', async (t) => {
  const inTime = RECEIVE_TIMEOUT_MS + 1_500;
  const times = [
    await ended(t, 'GET /healthz HTTP/1.1\r\nHost: broker.test\r\n\r\n'),
    await ended(t, Buffer.alloc(512, 0xff)),
    await ended(t, Buffer.from('1603010200', 'hex')),
    await ended(t),
  ];
  for (const ms of times) t.ok(ms < inTime, `${Math.round(ms)} ms`);
  t.equal((await (await stack.open()).get('/healthz')).status, 200);
});

t.test('requests that HTTP does not allow are answered over TLS as over TCP', async (t) => {
  const open = async () => (await Connection.overTls(t, broker.url, { ca: serverCa.pem })).connection;
  const broken = await open();
  broken.write('no HTTP\r\n\r\n');
  isProblem(t, await broken.answer(), 'invalid-request');
  const large = await open();
  large.write(wire({ method: 'GET', path: '/healthz', headers: [['X-Large', 'x'.repeat(20_000)]] }));
  isProblem(t, await large.answer(), 'headers-too-large');
  const slow = await open();
  slow.write('POST /admins/32/tokens HTTP/1.1\r\n');
  isProblem(t, await slow.answer(), 'request-timeout');
  const silent = await open();
  t.match(await silent.rest(), /^(?:HTTP\/1\.1 408 .*)?$/s, 'one that sends nothing at all is ended too');
});

t.test('handshakes that fail are counted in the audit log, and write no line to the log', async (t) => {
  const probe = connect(address);
  await once(probe, 'connect');
  probe.destroy();
  const waiting = connect(address);
  t.teardown(() => waiting.destroy());
  waiting.on('error', () => {});
  await once(waiting, 'connect');
  const began = performance.now();
  await broker.stop();
  t.ok(performance.now() - began < 5_000, 'one that is under way does not hold up the end');
  const refusals = (await stack.records()).filter((record) => record.kind === 'refusals');
  const samples = refusals.flatMap(({ samples }) => samples).filter(({ cause }) => cause === 'tls');
  t.strictSame(samples.map(({ detail }) => detail).sort(), [
    'ERR_SSL_HTTP_REQUEST',
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
    'ERR_TLS_HANDSHAKE_TIMEOUT',
  ]);
  for (const { address } of samples) t.equal(address, '127.0.0.1');
  t.equal(await said('ERR_SSL'), 0);
});
