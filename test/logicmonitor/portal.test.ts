import t, { type Test } from 'tap';
import { startSimulator } from '../../simulator/server.ts';
import { adminIdSchema } from '../../src/mint/ids.ts';
import { admin, EXAMPLE, httpServer, order, pair, portalAt, within } from './stand-in.ts';

/** A simulator and a portal for one test. */
async function account(t: Test, settings: Parameters<typeof portalAt>[2] = {}) {
  const simulator = await startSimulator();
  t.teardown(() => simulator.close());
  const { portal, told } = portalAt(t, simulator.url, settings);
  const mint = (ms = 5_000, what = order) => portal.send(portal.sign(what, pair), within(ms));
  return { simulator, portal, told, mint };
}

t.test('both types of token are made, and their keys work nowhere but in their secrets', async (t) => {
  const { simulator, mint } = await account(t);
  const answer = await mint(5_000, { ...order, status: 1 });
  t.match(answer, { kind: 'created', status: 200, token: { status: 1, roles: ['automation', 'readonly'] } });
  t.match(await mint(5_000, { ...order, type: 'bearer' }), { kind: 'created', token: { accessId: null } });
  const [first, second] = simulator.requests();
  t.match(first, {
    path: '/setting/admins/32/apitokens',
    query: '',
    version: 'v3',
    body: JSON.stringify({ note: order.note, status: 1 }),
  });
  t.match(second, { query: '?type=bearer', refused: null });
});

t.test('a made token can be removed once, and is gone then', async (t) => {
  const { portal, simulator, mint } = await account(t);
  const answer = await mint();
  const id = answer.kind === 'created' ? answer.token.id : 0;
  t.strictSame(await portal.remove(admin, id, pair, within(5_000)), { kind: 'deleted' });
  t.strictSame(await portal.remove(admin, id, pair, within(5_000)), { kind: 'gone' });
  t.match(simulator.requests().at(-1), { method: 'DELETE', body: '', refused: null });
});

t.test('the owner of the broker’s own key is found', async (t) => {
  const { portal, simulator } = await account(t);
  t.strictSame(await portal.findOwner(pair, within(5_000)), { kind: 'found', adminId: 7 });
  t.equal(simulator.requests()[0]?.query, `?filter=accessId%3A%22${EXAMPLE.accessId}%22&size=50`);
  simulator.faults.add({ kind: 'listLags', ms: 3_600_000 });
  t.match(await portal.findOwner(pair, within(5_000)), {
    kind: 'unknown',
    status: 200,
    reason: 'not-listed',
  });
});

t.test('a key that LM does not take is told as such by every call', async (t) => {
  const { portal, simulator, mint } = await account(t);
  simulator.removeKey(EXAMPLE.accessId);
  t.match(await mint(), { kind: 'key-rejected', status: 401, skewMs: Number });
  t.match(await portal.remove(admin, 1, pair, within(5_000)), { kind: 'key-rejected', skewMs: Number });
  t.match(await portal.findOwner(pair, within(5_000)), { kind: 'key-rejected', skewMs: Number });
});

t.test('an admin that LM does not have is not found', async (t) => {
  const { mint } = await account(t);
  const nobody = { ...order, adminId: adminIdSchema.parse('999') };
  t.match(await mint(5_000, nobody), { kind: 'refused', status: 404, problem: 'admin-not-found' });
});

t.test('each fault of LM’s keeps its promise', async (t) => {
  const { simulator, mint } = await account(t);
  const faults: [Parameters<typeof simulator.faults.add>[0], Record<string, unknown>][] = [
    [{ kind: 'resetBeforeCommit' }, { kind: 'ambiguous', status: null, reason: 'reset' }],
    [{ kind: 'resetAfterCommit' }, { kind: 'ambiguous', status: null, reason: 'reset' }],
    [
      { kind: 'delayBeforeCommit', ms: 3_000 },
      { kind: 'ambiguous', status: null, reason: 'timeout' },
    ],
    [
      { kind: 'delayAfterCommit', ms: 3_000 },
      { kind: 'ambiguous', status: null, reason: 'timeout' },
    ],
    [
      { kind: 'slowHeaders', ms: 3_000 },
      { kind: 'ambiguous', reason: 'timeout' },
    ],
    [
      { kind: 'slowBody', ms: 3_000 },
      { kind: 'ambiguous', reason: 'timeout' },
    ],
    [{ kind: 'truncate' }, { kind: 'ambiguous', status: 200, reason: 'reset' }],
    [{ kind: 'oversized' }, { kind: 'ambiguous', status: 200, reason: 'too-large' }],
    [{ kind: 'gzip' }, { kind: 'ambiguous', status: 200, reason: 'encoded' }],
    [{ kind: 'invalidJson' }, { kind: 'ambiguous', status: 200, reason: 'not-json' }],
    [{ kind: 'wrongContentType' }, { kind: 'ambiguous', status: 200, reason: 'not-json' }],
    [{ kind: 'errorCodeIn200' }, { kind: 'ambiguous', status: 200, reason: 'error-code-1500' }],
    [{ kind: 'accepted202' }, { kind: 'ambiguous', status: 202, reason: 'http-202' }],
    [
      { kind: 'redirect', location: 'http://127.0.0.1:9/' },
      { kind: 'refused', problem: 'upstream-protocol' },
    ],
    [
      { kind: 'status', status: 503, bodyType: 'html' },
      { kind: 'ambiguous', status: 503, reason: 'http-503' },
    ],
  ];
  for (const [fault, expected] of faults) {
    await t.test(fault.kind, async (t) => {
      const before = simulator.requests().length;
      simulator.faults.add({ ...fault, method: 'POST', times: 1 });
      t.match(await mint(500), expected);
      t.equal(simulator.requests().length, before + 1, 'and is sent once');
      t.match(await mint(), { kind: 'created' }, 'the next call is none the worse');
    });
  }
});

t.test('each status gives its answer, with and without rate-limit headers', async (t) => {
  const { simulator, mint } = await account(t);
  const expected = new Map([
    [400, 'refused'],
    [403, 'refused'],
    [409, 'refused'],
    [401, 'key-rejected'],
    [500, 'ambiguous'],
    [502, 'ambiguous'],
    [504, 'ambiguous'],
  ]);
  for (const [status, kind] of expected) {
    for (const rateHeaders of [true, false]) {
      simulator.faults.add({ kind: 'status', method: 'POST', times: 1, status, rateHeaders });
      t.match(await mint(), { kind, status });
    }
  }
});

t.test('a 429 makes the next turn wait as long as LM asks, and then it is taken', async (t) => {
  const { simulator, portal, told, mint } = await account(t);
  simulator.set({ limits: { POST: 2 }, windowMs: 1_000 });
  await portal.turn(within(5_000));
  t.match(await mint(), { kind: 'created' });
  t.match(await mint(), { kind: 'created' });
  t.match(await mint(), { kind: 'rate-limited', status: 429 });
  t.match(told, [{ level: 'warn', detail: { method: 'POST', waitMs: 1_000 } }]);
  t.match(portal.rateWindows(), {
    POST: { limit: 2, remaining: 0, paused: true },
    GET: { limit: undefined },
  });
  const hurried = await portal.turn(within(1_800)).catch((error: unknown) => error);
  t.match(
    hurried,
    { problem: 'upstream-rate-limited' },
    'a turn leaves a second of its deadline for the call',
  );
  const start = performance.now();
  await portal.turn(within(5_000));
  t.ok(Math.abs(performance.now() - start - 1_000) < 300);
  t.match(await mint(), { kind: 'created' });
});

t.test('a window that is used up beyond the deadline is refused without a call', async (t) => {
  const { simulator, portal, mint } = await account(t);
  simulator.set({ limits: { POST: 1 } });
  t.match(await mint(), { kind: 'created' });
  const refusal = await portal.turn(within(20_000)).catch((error: unknown) => error);
  t.match(refusal, { problem: 'upstream-rate-limited', retryAfterS: Number });
  t.equal(simulator.requests().length, 1);
});

t.test('lists and deletes have windows of their own', async (t) => {
  const { simulator, portal, mint } = await account(t);
  simulator.set({ limits: { GET: 1, DELETE: 1 } });
  t.match(await portal.findOwner(pair, within(5_000)), { kind: 'found' });
  t.match(await portal.findOwner(pair, within(5_000)), {
    kind: 'unknown',
    status: null,
    reason: 'rate-limited',
  });
  t.match(await portal.remove(admin, 999, pair, within(5_000)), { kind: 'gone' });
  t.match(await portal.remove(admin, 999, pair, within(5_000)), { kind: 'failed', reason: 'rate-limited' });
  t.match(await mint(), { kind: 'created' });
  await portal.turn(within(2_000));
});

t.test('a removal that LM’s own JSON does not confirm has failed', async (t) => {
  const lmError = { errorMessage: 'x', errorCode: 1 };
  const cases: [number, string, unknown, Record<string, unknown>][] = [
    [200, 'application/json', {}, { kind: 'deleted' }],
    [200, 'text/html', '<html>', { kind: 'failed', reason: 'not-json' }],
    [200, 'application/json', '', { kind: 'failed', reason: 'not-json' }],
    [200, 'application/json', lmError, { kind: 'failed', reason: 'error-code-1' }],
    [200, 'application/json', { status: 1404, errmsg: 'x' }, { kind: 'failed', reason: 'v1-envelope' }],
    [204, 'application/json', '', { kind: 'failed', reason: 'http-204' }],
    [302, 'application/json', '', { kind: 'failed', reason: 'http-302' }],
    [403, 'application/json', lmError, { kind: 'failed', status: 403, reason: 'http-403' }],
    [404, 'application/json', lmError, { kind: 'gone' }],
    [404, 'text/html', '<html>', { kind: 'failed', status: 404, reason: 'not-json' }],
    [404, 'application/json', { message: 'x' }, { kind: 'failed', reason: 'not-lm-error' }],
    [401, 'application/json', { message: 'x' }, { kind: 'failed', reason: 'not-lm-error' }],
    [503, 'text/html', '<html>', { kind: 'failed', status: 503, reason: 'http-503' }],
  ];
  for (const [status, type, body, expected] of cases) {
    const url = await httpServer(t, (_, response) => {
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    const { portal } = portalAt(t, url);
    t.match(
      await portal.remove(admin, 1, pair, within(5_000)),
      expected,
      `${status} ${JSON.stringify(body)}`,
    );
  }
  const { portal } = portalAt(t, await httpServer(t, (request) => request.socket.resetAndDestroy()));
  t.match(await portal.remove(admin, 1, pair, within(5_000)), {
    kind: 'failed',
    status: null,
    reason: 'reset',
  });
});

t.test('the owner stays unknown unless one whole list names exactly one', async (t) => {
  const { accessId } = pair;
  const json = 'application/json';
  const mine = { accessId, adminId: 7 };
  const list = (items: unknown[], total = items.length) => ({ total, searchId: null, items });
  const cases: [number, string, unknown, Record<string, unknown>][] = [
    [200, json, list([mine, mine]), { kind: 'found', adminId: 7 }],
    [
      200,
      json,
      list([{ accessId: accessId.toLowerCase(), adminId: 8 }, mine]),
      { kind: 'found', adminId: 7 },
    ],
    [200, json, list([]), { kind: 'unknown', reason: 'not-listed' }],
    [200, json, list([{ accessId: `${accessId}x`, adminId: 8 }]), { kind: 'unknown', reason: 'not-listed' }],
    [200, json, list([mine, { accessId, adminId: 8 }]), { kind: 'unknown', reason: 'several-owners' }],
    [200, json, list([mine], 2), { kind: 'unknown', reason: 'cut-list' }],
    [200, json, list([{ accessId, adminId: 'root' }]), { kind: 'unknown', reason: 'not-a-list' }],
    [200, json, list([{ accessId, adminId: 0 }]), { kind: 'unknown', reason: 'not-a-list' }],
    [200, json, list(['x']), { kind: 'unknown', reason: 'not-a-list' }],
    [200, json, { items: [mine] }, { kind: 'unknown', reason: 'not-a-list' }],
    [
      200,
      json,
      { status: 200, errmsg: 'OK', data: list([mine]) },
      { kind: 'unknown', reason: 'v1-envelope' },
    ],
    [200, json, { errorMessage: 'busy', errorCode: 1000 }, { kind: 'unknown', reason: 'error-code-1000' }],
    [200, 'text/html', '<html>', { kind: 'unknown', status: 200, reason: 'not-json' }],
    [401, 'text/html', '<html>', { kind: 'unknown', status: 401, reason: 'not-json' }],
    [401, json, {}, { kind: 'unknown', status: 401, reason: 'not-lm-error' }],
    [
      403,
      json,
      { errorMessage: 'no', errorCode: 1403 },
      { kind: 'unknown', status: 403, reason: 'http-403' },
    ],
    [503, 'text/html', '<html>', { kind: 'unknown', status: 503, reason: 'http-503' }],
  ];
  for (const [status, type, body, expected] of cases) {
    const url = await httpServer(t, (_, response) => {
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    const { portal } = portalAt(t, url);
    t.match(await portal.findOwner(pair, within(5_000)), expected, `${status} ${JSON.stringify(body)}`);
  }
  const { portal } = portalAt(t, await httpServer(t, () => {}));
  t.match(await portal.findOwner(pair, within(300)), { kind: 'unknown', status: null, reason: 'timeout' });
  t.match(await portal.findOwner({ ...pair, accessId: 'a"b&c#(' }, within(300)), { kind: 'unknown' });
});
