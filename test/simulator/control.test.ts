import t, { type Test } from 'tap';
import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { call, control, minted, ROOT } from './lm-client.ts';

const TOKENS = '/setting/admins/32/apitokens';

async function started(t: Test): Promise<Simulator> {
  const simulator = await startSimulator();
  t.teardown(() => simulator.close());
  return simulator;
}

t.test('the state shows tokens, users, locks and settings, and no secret', async (t) => {
  const { url } = await started(t);
  const { accessKey } = minted(await call(url, 'POST', TOKENS, { note: 'n' }));
  await call(url, 'GET', TOKENS, undefined, { key: { ...ROOT, accessKey: 'x' } });
  const state = await control(url, 'GET', 'state');
  t.match(state.body, {
    requests: 2,
    tokens: [
      { id: 1, accessId: ROOT.accessId, adminId: 7 },
      { note: 'n', createdBy: 'token-broker' },
    ],
    counts: { tokens: 2, byAdmin: { 7: 1, 32: 1 } },
    locks: [{ accessId: ROOT.accessId, failures: 1, lockedUntil: null }],
    admins: [{ id: 7 }, { id: 32 }, { id: 33 }, { id: 41 }],
    settings: { lockAfter: 10, limits: { POST: 200 } },
  });
  t.notOk(state.text.includes(accessKey));
  t.notOk(state.text.includes(JSON.stringify(ROOT.accessKey)));
});

t.test('the journal shows what came, without signatures or keys', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  const body = '{"note":"as it came" }';
  const { id, accessKey } = minted(await call(url, 'POST', `${TOKENS}?type=API%20token`, body));
  await call(url, 'GET', TOKENS, undefined, { version: null });
  const journal = await control(url, 'GET', 'requests');
  t.match(JSON.parse(journal.text), [
    {
      n: 1,
      method: 'POST',
      path: TOKENS,
      query: '?type=API%20token',
      body,
      version: 'v3',
      status: 200,
      committed: true,
      tokenId: id,
      accessId: ROOT.accessId,
      at: Number,
      durationMs: Number,
      refused: null,
      fault: null,
    },
    { n: 2, method: 'GET', version: 'v1', committed: false, body: '' },
  ]);
  t.notMatch(journal.text, /LMv1|signature|authorization/i);
  t.notOk(journal.text.includes(accessKey));
  t.match(JSON.parse((await control(url, 'GET', 'requests?after=1')).text), [{ n: 2 }]);
});

t.test('the journal keeps the last 1,000 requests, in order, and bodies up to 16 KiB', async (t) => {
  const simulator = await started(t);
  await call(simulator.url, 'POST', TOKENS, { note: 'x'.repeat(20_000) });
  t.equal(simulator.requests()[0]?.body.length, 16_384);
  for (let batch = 0; batch < 21; batch += 1) {
    await Promise.all(Array.from({ length: 50 }, () => call(simulator.url, 'GET', '/x', undefined)));
  }
  const numbers = simulator.requests().map(({ n }) => n);
  t.same(
    numbers,
    Array.from({ length: 1000 }, (_, n) => n + 52),
  );
});

t.test('faults are added, listed and removed', async (t) => {
  const { url } = await started(t);
  t.match(await control(url, 'POST', 'faults', { kind: 'status', status: 503, times: 1 }), {
    status: 201,
    body: { id: 1 },
  });
  t.equal((await control(url, 'POST', 'faults', { kind: 'truncate' })).body['id'], 2);
  t.equal((await call(url, 'GET', TOKENS)).status, 503);
  t.match(JSON.parse((await control(url, 'GET', 'faults')).text), [
    { id: 2, fault: { kind: 'truncate' }, left: null },
  ]);
  t.same(JSON.parse((await control(url, 'DELETE', 'faults/2')).text), []);
  await control(url, 'POST', 'faults', { kind: 'truncate' });
  t.same(JSON.parse((await control(url, 'DELETE', 'faults')).text), []);
  t.equal((await call(url, 'GET', TOKENS)).status, 200);
});

t.test('settings, users, keys and locks are changed while it runs', async (t) => {
  const { url } = await started(t);
  const wrong = { key: { ...ROOT, accessKey: 'x' } };
  t.match((await control(url, 'POST', 'settings', { lockAfter: 1, limits: { GET: 'off' } })).body, {
    lockAfter: 1,
    limits: { GET: 'off', POST: 200 },
  });
  await call(url, 'GET', TOKENS, undefined, wrong);
  t.equal((await call(url, 'GET', TOKENS)).status, 401, 'locked');
  await control(url, 'DELETE', 'locks');
  t.equal((await call(url, 'GET', TOKENS)).status, 200);

  const made = await control(url, 'POST', 'keys', { adminId: 7 });
  t.equal(made.status, 201);
  const key = minted(made);
  t.equal((await control(url, 'DELETE', `keys/${ROOT.accessId}`)).status, 200, 'the root key is rotated');
  t.equal((await call(url, 'GET', TOKENS)).status, 401);
  t.equal((await call(url, 'GET', TOKENS, undefined, { key })).status, 200);
  t.equal((await control(url, 'DELETE', 'keys/nobody')).status, 404);

  t.match((await control(url, 'POST', 'admins', { id: 7, manages: 'none' })).body, {
    username: 'token-broker',
  });
  t.equal((await call(url, 'GET', TOKENS, undefined, { key })).status, 403);
});

t.test('a reset brings back what it started with', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  const before = { ...simulator.state(), now: 0, requests: 0 };
  await call(url, 'POST', TOKENS, {});
  simulator.faults.add({ kind: 'truncate' });
  await control(url, 'POST', 'settings', { limits: 'off' });
  await control(url, 'POST', 'admins', { id: 32, status: 'suspended' });
  t.equal((await control(url, 'POST', 'reset')).status, 200);
  const createdOn = before.tokens[0]?.['createdOn'];
  const after = { ...simulator.state(), now: 0, requests: 0 };
  t.same({ ...after, tokens: after.tokens.map((token) => ({ ...token, createdOn })) }, before);
  t.same(simulator.requests(), []);
});

t.test('what does not fit is 400 and changes nothing; an unknown call is 404', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  for (const [path, body] of [
    ['faults', { kind: 'nonsense' }],
    ['faults', { kind: 'status', status: 503, typo: 1 }],
    ['faults', { kind: 'slowBody' }],
    ['settings', { limits: { HEAD: 1 } }],
    ['settings', { lockAfter: -1 }],
    ['admins', {}],
    ['keys', { adminId: 99 }],
    ['keys', { accessId: ROOT.accessId }],
  ] as const) {
    t.match(await control(url, 'POST', path, body), { status: 400, body: { error: String } });
  }
  t.equal((await fetch(`${url}/_control/settings`, { method: 'POST', body: '{' })).status, 400);
  t.equal((await control(url, 'GET', 'nothing')).status, 404);
  t.match(simulator.state(), { faults: [], counts: { tokens: 1 }, settings: { lockAfter: 10 } });
});

t.test(
  'a wait rejects when the simulator is closed, and closing does not wait for open requests',
  async (t) => {
    const simulator = await startSimulator();
    const never = simulator.until(() => false);
    simulator.faults.add({ kind: 'delayBeforeCommit', ms: 3_600_000 });
    const open = call(simulator.url, 'POST', TOKENS, {});
    open.catch(() => undefined);
    await simulator.until(() => simulator.requests().length === 1);
    await Promise.all([t.rejects(never, /closed/), t.rejects(open), simulator.close()]);
  },
);
