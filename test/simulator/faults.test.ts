import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import type { FaultInput } from '../../simulator/faults.ts';
import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { call, type Reply } from './lm-client.ts';

const TOKENS = '/setting/admins/32/apitokens';
const LM_HEADERS = ['date', 'x-rate-limit-limit', 'x-rate-limit-remaining', 'x-rate-limit-window'];

async function faulty(t: Test, fault: FaultInput): Promise<Simulator> {
  const simulator = await startSimulator();
  t.teardown(() => simulator.close());
  simulator.faults.add(fault);
  return simulator;
}

function mint({ url }: Simulator): Promise<Reply> {
  return call(url, 'POST', TOKENS, { note: 'n' });
}

/** How many tokens admin 32 has. */
function made(simulator: Simulator): number {
  return simulator.state().counts.byAdmin['32'] ?? 0;
}

t.test(
  'status: LM’s own error, or a proxy’s page without LM’s headers; a commit only when asked for',
  async (t) => {
    const own = await faulty(t, { kind: 'status', status: 409 });
    t.match(await mint(own), {
      status: 409,
      body: { errorCode: 1409 },
      headers: { 'x-rate-limit-limit': '200' },
    });
    t.equal(made(own), 0);

    const bare = await faulty(t, {
      kind: 'status',
      status: 429,
      rateHeaders: false,
      headers: { 'retry-after': '3' },
    });
    const reply = await mint(bare);
    t.match(reply, { status: 429, body: { errorCode: 1429 }, headers: { 'retry-after': '3' } });
    for (const name of LM_HEADERS) t.notOk(name in reply.headers, name);

    const proxy = await faulty(t, { kind: 'status', status: 503, bodyType: 'html', commit: true });
    const page = await mint(proxy);
    t.match(page, { status: 503, text: /<h1>Service Temporarily/, headers: { 'content-type': 'text/html' } });
    for (const name of LM_HEADERS) t.notOk(name in page.headers, name);
    t.equal(made(proxy), 1);

    const body = { errorMessage: 'x', errorCode: 1065 };
    t.match(await mint(await faulty(t, { kind: 'status', status: 400, body })), { status: 400, body });
    const text = await faulty(t, { kind: 'status', status: 502, bodyType: 'text', body: 'bad gateway' });
    t.match(await mint(text), { text: 'bad gateway', headers: { 'content-type': 'text/plain' } });
  },
);

t.test('delayBeforeCommit: there is no token while the answer waits', async (t) => {
  const simulator = await faulty(t, { kind: 'delayBeforeCommit', ms: 100 });
  const reply = mint(simulator);
  await simulator.until(() => simulator.requests().length === 1);
  t.equal(made(simulator), 0);
  t.equal((await reply).status, 200);
  t.ok((simulator.requests()[0]?.durationMs ?? 0) >= 95);
});

t.test('delayBeforeCommit commits even when the caller has hung up', async (t) => {
  const simulator = await faulty(t, { kind: 'delayBeforeCommit', ms: 50 });
  const gone = new AbortController();
  const reply = call(simulator.url, 'POST', TOKENS, {}, { signal: gone.signal });
  await simulator.until(() => simulator.requests().length === 1);
  gone.abort();
  await t.rejects(reply);
  await simulator.until(() => made(simulator) === 1);
});

t.test('delayAfterCommit: the token is there while the answer waits', async (t) => {
  const simulator = await faulty(t, { kind: 'delayAfterCommit', ms: 100 });
  const reply = mint(simulator);
  await simulator.until(() => made(simulator) === 1);
  t.match(simulator.requests(), [{ committed: true, status: null, fault: 'delayAfterCommit' }]);
  t.equal((await reply).status, 200);
  t.match(simulator.requests(), [{ committed: true, status: 200 }]);
});

t.test('resets: before the commit nothing is made, after it something is', async (t) => {
  for (const [kind, tokens] of [
    ['resetBeforeCommit', 0],
    ['resetAfterCommit', 1],
  ] as const) {
    const simulator = await faulty(t, { kind, method: 'POST', times: 1 });
    await t.rejects(mint(simulator), { code: 'ECONNRESET' });
    t.equal(made(simulator), tokens);
    t.match(simulator.requests(), [{ status: null, committed: tokens === 1, fault: kind }]);
    t.equal((await mint(simulator)).status, 200, 'only once');
  }
});

t.test('commitLater: a reset or a status now, the token afterwards', async (t) => {
  const reset = await faulty(t, { kind: 'commitLater', ms: 80, times: 1 });
  await t.rejects(mint(reset), { code: 'ECONNRESET' });
  t.equal(made(reset), 0);
  await reset.until(() => made(reset) === 1);
  t.match(reset.requests(), [{ committed: true, tokenId: 2, status: null }]);

  const status = await faulty(t, { kind: 'commitLater', ms: 80, status: 504 });
  t.match(await mint(status), { status: 504, body: { errorCode: 1504 } });
  t.equal(made(status), 0);
  await status.until(() => made(status) === 1);
});

t.test('a reset of the simulator takes back what was still to be committed', async (t) => {
  const simulator = await faulty(t, { kind: 'commitLater', ms: 30, status: 504 });
  await mint(simulator);
  simulator.reset();
  simulator.faults.add({ kind: 'delayBeforeCommit', ms: 60 });
  await call(simulator.url, 'POST', '/setting/admins/33/apitokens', {});
  t.same(simulator.state().counts.byAdmin, { 7: 1, 33: 1 });
});

t.test('truncate: the length promises more than comes', async (t) => {
  const simulator = await faulty(t, { kind: 'truncate' });
  await t.rejects(mint(simulator), { message: 'aborted' });
  t.equal(made(simulator), 1);
});

t.test('oversized: JSON of the size asked for', async (t) => {
  const simulator = await faulty(t, { kind: 'oversized', bytes: 3_000_000 });
  const reply = await mint(simulator);
  t.equal(Buffer.byteLength(reply.text), 3_000_000);
  t.match(reply.body, { accessKey: String });
});

t.test('oversized stops when the caller hangs up, and the simulator serves on', async (t) => {
  const simulator = await faulty(t, { kind: 'oversized', bytes: 50_000_000, times: 1 });
  const socket = connect(simulator.port, '127.0.0.1');
  socket.write('POST /santaba/rest/x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await simulator.until(() => simulator.requests()[0]?.status === 200);
  t.equal((await mint(simulator)).status, 200);
});

t.test('slowBody and slowHeaders: the beginning at once, the rest later, in the end complete', async (t) => {
  for (const [kind, beginning] of [
    ['slowHeaders', /^HTTP\/1\.1 401 Unauthorized\r\n$/],
    ['slowBody', /\r\n\r\n\{"errorM\w+":"\w* ?\w*/],
  ] as const) {
    const simulator = await faulty(t, { kind, ms: 100 });
    const socket = connect(simulator.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(
      'POST /santaba/rest/x HTTP/1.1\r\nhost: x\r\nx-version: 3\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
    await once(socket, 'data');
    t.match(text, beginning);
    t.notMatch(text, /"errorDetail":null\}$/);
    await once(socket, 'close');
    t.match(text, /"errorDetail":null\}$/);
    t.match(text, /x-rate-limit-limit: /);
    const complete = await mint(simulator);
    t.match(complete, { status: 200, body: { accessKey: String } });
  }
});

t.test('the other wrong answers', async (t) => {
  const redirect = await faulty(t, { kind: 'redirect', location: 'http://127.0.0.1:1/' });
  t.match(await mint(redirect), { status: 302, headers: { location: 'http://127.0.0.1:1/' } });
  t.equal(made(redirect), 0);

  const invalid = await faulty(t, { kind: 'invalidJson' });
  const { status, text } = await mint(invalid);
  t.equal(status, 200);
  t.throws(() => JSON.parse(text), SyntaxError);
  t.equal(made(invalid), 1);

  const typed = await faulty(t, { kind: 'wrongContentType' });
  t.match(await mint(typed), { headers: { 'content-type': 'text/html' }, body: { accessKey: String } });

  const gzip = await faulty(t, { kind: 'gzip', bytes: 5_000_000 });
  const bomb = await mint(gzip);
  t.match(bomb.headers, { 'content-encoding': 'gzip' });
  t.ok(Number(bomb.headers['content-length']) < 10_000);

  const coded = await faulty(t, { kind: 'errorCodeIn200', errorCode: 1201 });
  t.match(await mint(coded), { status: 200, body: { errorCode: 1201, errorMessage: 'failed' } });
  t.equal(made(coded), 0);

  const accepted = await faulty(t, { kind: 'accepted202', commit: true });
  t.match(await mint(accepted), { status: 202, body: { errorCode: 1202 } });
  t.equal(made(accepted), 1);
});

t.test('a fault strikes only the method and path it names, and as often as it says', async (t) => {
  const simulator = await faulty(t, { kind: 'status', status: 503, method: 'POST', path: TOKENS, times: 2 });
  const { url, faults } = simulator;
  const other = '/setting/admins/33/apitokens';
  t.equal((await call(url, 'POST', other, {})).status, 200);
  t.equal((await call(url, 'GET', TOKENS)).status, 200);
  t.match(faults.list(), [{ id: 1, left: 2 }]);
  t.equal((await mint(simulator)).status, 503);
  t.equal((await mint(simulator)).status, 503);
  t.equal((await mint(simulator)).status, 200);
  t.same(faults.list(), []);
  const id = faults.add({ kind: 'status', status: 500, path: '/setting/admins/33/*' });
  t.match(faults.list(), [{ id, left: null }]);
  t.equal((await call(url, 'GET', other)).status, 500);
  t.equal((await call(url, 'GET', TOKENS)).status, 200);
  faults.clear(id);
  t.equal((await call(url, 'GET', other)).status, 200);
});

t.test('what LM itself refuses is refused before a fault can commit it', async (t) => {
  const simulator = await faulty(t, { kind: 'delayAfterCommit', ms: 1 });
  t.equal((await call(simulator.url, 'POST', TOKENS, {}, { signedBody: 'x' })).status, 401);
  t.match(simulator.requests(), [{ committed: false, refused: 'signature', status: 401 }]);
});
