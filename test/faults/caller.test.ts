import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { type Stack, startStack, until } from '../support/stack.ts';

/** Sends a whole mint request on a socket of its own. */
async function sendMint(stack: Stack, admin: number): Promise<Socket> {
  const { hostname, port, host } = new URL(stack.broker.url);
  const body = JSON.stringify({ reason: 'for the test' });
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(
    [
      `POST /admins/${admin}/tokens HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${stack.callerJwt}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  );
  return socket;
}

/** What leaves nothing of a request behind: at once, or by closing only the sending half. */
const HANG_UPS = {
  'destroys its socket': (socket: Socket) => void socket.destroy(),
  'closes its sending half': (socket: Socket) => void socket.end(),
};

async function recordsOf(stack: Stack, kind: 'intent' | 'outcome' | 'delivery' | 'end') {
  return (await stack.records()).filter((record) => record.kind === kind);
}

/** The tokens in LM that carry the broker's marker. */
function orphans(stack: Stack) {
  return stack.simulator.state().tokens.filter(({ note }) => String(note).includes('[lmtb:'));
}

async function gauge(stack: Stack, name: string): Promise<number> {
  const metrics = await (await fetch(`${stack.broker.privateUrl}/metrics`)).text();
  return Number(new RegExp(`^lmtb_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(metrics)?.[1]);
}

t.test('A caller that hangs up in mid-mint', async (t) => {
  const stack = await startStack(t, {
    settings: { LOG_LEVEL: 'debug' },
    simulator: { settings: { limits: 'off' } },
  });
  const { simulator } = stack;
  simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 300 });
  let mints = 0;
  for (const [how, hangUp] of Object.entries(HANG_UPS)) {
    await t.test(`that ${how} leaves no token and no gap in the records`, async (t) => {
      for (let round = 0; round < 5; round++) {
        const sockets = await Promise.all(Array.from({ length: 10 }, () => sendMint(stack, 32)));
        mints += sockets.length;
        await simulator.until(
          () =>
            simulator.requests().filter(({ method, committed }) => method === 'POST' && committed).length ===
            mints,
        );
        sockets.forEach(hangUp);
        await until(async () => (await recordsOf(stack, 'end')).length === mints, 'every token to be ended');
        for (const socket of sockets) socket.destroy();
      }
      const ids = (records: readonly object[]) =>
        records.map((record) => ('mintId' in record ? String(record.mintId) : '')).sort();
      const intents = ids(await recordsOf(stack, 'intent'));
      t.equal(new Set(intents).size, mints);
      const outcomes = await recordsOf(stack, 'outcome');
      t.same(ids(outcomes), intents, 'one outcome each');
      t.ok(
        outcomes.every((record) => 'outcome' in record && record.outcome === 'minted'),
        'minted',
      );
      const deliveries = await recordsOf(stack, 'delivery');
      t.same(ids(deliveries), intents, 'one delivery each');
      t.ok(
        deliveries.every((record) => 'delivery' in record && record.delivery === 'undelivered'),
        'undelivered',
      );
      const ends = await recordsOf(stack, 'end');
      t.same(ids(ends), intents, 'one end each');
      t.ok(ends.every((record) => 'how' in record && record.how === 'deleted'));
      t.same(orphans(stack), [], 'LM has none of them any more');
      t.equal(await gauge(stack, 'in_flight_requests'), 0);
      t.equal(await gauge(stack, 'pending_ends'), 0);
      t.match(await stack.get('/readyz'), { status: 200, body: { openIntents: 0, pendingEnds: 0 } });
    });
  }
  simulator.faults.clear();
  t.equal((await stack.mint(32)).status, 201, 'and others are served');
  const lines = (await stack.log()).split('\n').filter((line) => line.includes('"undelivered"'));
  t.equal(lines.length, mints, 'one line of the log for each');
});

t.test('A DELETE that fails', async (t) => {
  const stack = await startStack(t, { settings: { DRAIN_TIMEOUT: '1s' } });
  const { simulator } = stack;
  /** Mints for `admin`, and hangs up when LM has made the token. */
  const mintAndGo = async (admin: number): Promise<void> => {
    const before = simulator.state().requests;
    simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 100, times: 1 });
    const socket = await sendMint(stack, admin);
    await simulator.until(() => simulator.requests(before).some(({ committed }) => committed));
    socket.destroy();
  };
  const deletes = (admin: number) =>
    simulator
      .requests()
      .filter(({ method, path }) => method === 'DELETE' && path.includes(`/admins/${admin}/`));

  await t.test('is tried again until the token is gone, whatever a proxy says', async (t) => {
    const tokensOf = (admin: number) => `/setting/admins/${admin}/apitokens/*`;
    simulator.faults.add({
      kind: 'status',
      status: 503,
      bodyType: 'html',
      method: 'DELETE',
      path: tokensOf(32),
      times: 2,
    });
    simulator.faults.add({
      kind: 'status',
      status: 404,
      bodyType: 'html',
      method: 'DELETE',
      path: tokensOf(33),
      times: 1,
    });
    await mintAndGo(32);
    await mintAndGo(33);
    await until(() => deletes(32).length > 0 && deletes(33).length > 0, 'the first tries');
    t.match(await stack.get('/readyz'), { status: 200, body: { pendingEnds: 2 } });
    t.equal((await recordsOf(stack, 'end')).length, 0, 'a page that says 404 ends nothing');
    t.equal(orphans(stack).length, 2);
    await until(async () => (await recordsOf(stack, 'end')).length === 2, 'both to be ended');
    t.same(orphans(stack), []);
    t.same(
      deletes(32).map(({ status }) => status),
      [503, 503, 200],
    );
    t.same(
      deletes(33).map(({ status }) => status),
      [404, 200],
    );
    t.match(await recordsOf(stack, 'end'), [
      { adminId: 33, how: 'deleted', tries: 2 },
      { adminId: 32, how: 'deleted', tries: 3 },
    ]);
  });

  await t.test('with LM’s own 404 has found the token gone', async (t) => {
    const before = deletes(32).length;
    simulator.faults.add({ kind: 'status', status: 404, method: 'DELETE', times: 1 });
    await mintAndGo(32);
    await until(async () => (await recordsOf(stack, 'end')).length === 3, 'the end');
    t.match((await recordsOf(stack, 'end')).at(-1), { how: 'gone', tries: 1 });
    t.equal(deletes(32).length, before + 1, 'asked once');
  });

  await t.test('until the shutdown is logged with mint and token', async (t) => {
    simulator.faults.add({ kind: 'status', status: 500, method: 'DELETE' });
    const before = deletes(32).length;
    await mintAndGo(32);
    await until(() => deletes(32).length > before, 'the first try');
    stack.broker.signal('SIGTERM');
    t.equal(await stack.broker.ended, 0);
    const last = (await recordsOf(stack, 'outcome')).at(-1);
    const token = last?.kind === 'outcome' ? last.token : null;
    const line = (await stack.log()).split('\n').find((line) => line.includes('before shutdown'));
    t.match(JSON.parse(line ?? '{}'), {
      level: 'warn',
      mintId: last !== undefined && 'mintId' in last ? last.mintId : 'a mint id',
      tokenId: token?.id,
      accessId: token?.accessId,
      admin: 32,
    });
    t.match((await recordsOf(stack, 'delivery')).at(-1), { delivery: 'undelivered' });
  });
});
