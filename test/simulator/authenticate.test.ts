import t, { type Test } from 'tap';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/server.ts';
import { call, minted, type Reply, ROOT, sign } from './lm-client.ts';

const NOW = 1_700_000_000_000;
const LIST = '/setting/admins/apitokens';
const TOKENS = '/setting/admins/32/apitokens';

async function started(t: Test, options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator({ clock: () => NOW, ...options });
  t.teardown(() => simulator.close());
  return simulator;
}

function refusedBecause(simulator: Simulator): string | null | undefined {
  return simulator.requests().at(-1)?.refused;
}

t.test(
  'every failure to authenticate is one and the same 401/1401; the journal knows the cause',
  async (t) => {
    const simulator = await started(t, { settings: { lockAfter: 0 } });
    const { url } = simulator;
    const raw = Buffer.from(sign(ROOT.accessKey, 'GET', NOW, '', LIST), 'base64').toString();
    const failures: [string, Parameters<typeof call>[4]][] = [
      ['header', { authorization: '' }],
      ['header', { authorization: 'Basic eDp5' }],
      ['header', { authorization: `LMv1 ${ROOT.accessId}:${raw}` }],
      ['timestamp', { epoch: NOW - 1_800_001 }],
      ['timestamp', { epoch: NOW + 1_800_001 }],
      ['unknown-key', { epoch: NOW, key: { ...ROOT, accessId: 'nobody' } }],
      ['unknown-key', { authorization: 'Bearer lmb_nobody' }],
      ['signature', { epoch: NOW, key: { ...ROOT, accessKey: 'wrong' } }],
      ['signature', { epoch: NOW, signedPath: `/santaba/rest${LIST}` }],
      ['signature', { epoch: NOW, signedPath: `${LIST}?size=1` }],
      ['bearer-needs-v3', { authorization: 'Bearer lmb_nobody', version: null }],
    ];
    const replies = new Set<string>();
    for (const [cause, deviation] of failures) {
      const reply: Reply = await call(url, 'GET', `${LIST}?size=1`, undefined, deviation);
      t.equal(refusedBecause(simulator), cause);
      if (deviation?.version === undefined) replies.add(`${reply.status} ${reply.text}`);
    }
    t.same(
      [...replies],
      ['401 {"errorMessage":"Authentication failed","errorCode":1401,"errorDetail":null}'],
    );
  },
);

t.test('the timestamp may be off by 30 minutes either way, and is judged before the key', async (t) => {
  const simulator = await started(t);
  for (const epoch of [NOW - 1_800_000, NOW + 1_800_000])
    t.equal((await call(simulator.url, 'GET', LIST, undefined, { epoch })).status, 200);
  await call(simulator.url, 'GET', LIST, undefined, {
    epoch: 1,
    key: { accessId: 'nobody', accessKey: 'x' },
  });
  t.equal(refusedBecause(simulator), 'timestamp');
});

t.test('a clock offset moves LM’s Date and its window', async (t) => {
  const simulator = await started(t);
  simulator.set({ clockOffsetMs: 26 * 60_000 });
  const near = await call(simulator.url, 'GET', LIST, undefined, { epoch: NOW });
  t.match(near, { status: 200, headers: { date: new Date(NOW + 26 * 60_000).toUTCString() } });
  simulator.set({ clockOffsetMs: -31 * 60_000 });
  t.equal((await call(simulator.url, 'GET', LIST, undefined, { epoch: NOW })).status, 401);
});

t.test('the signature is verified over the bytes that came, for every verb', async (t) => {
  const { url } = await started(t, { settings: { lockAfter: 0 } });
  const epoch = NOW;
  const { id } = minted(await call(url, 'POST', TOKENS, '{ "note" : "caf\\u00e9 \u{1F680}" }\n', { epoch }));
  const one = `${TOKENS}/${id}`;
  for (const [method, path, body] of [
    ['POST', TOKENS, '{"note":"x"}'],
    ['PATCH', one, '{"status": 2}'],
    ['PUT', one, '{"note":""}'],
    ['DELETE', one, '{}'],
  ] as const) {
    t.equal(
      (await call(url, method, path, body, { epoch, signedBody: '' })).status,
      401,
      `${method} signed without`,
    );
    t.equal(
      (await call(url, method, path, body, { epoch, signedBody: `${body} ` })).status,
      401,
      `${method} a blank`,
    );
  }
  t.equal(
    (await call(url, 'DELETE', one, undefined, { epoch, signedBody: '{}' })).status,
    401,
    'signed {}, sent none',
  );
  t.equal((await call(url, 'PATCH', one, '{"status": 2}', { epoch })).status, 200);
  t.equal((await call(url, 'DELETE', one, '{}', { epoch })).status, 200);
});

t.test('an encoded path is verified, and routed, decoded', async (t) => {
  const { url } = await started(t);
  const encoded = '/setting/admins/%33%32/apitokens';
  t.equal((await call(url, 'GET', encoded, undefined, { epoch: NOW, signedPath: TOKENS })).status, 200);
  t.equal((await call(url, 'GET', encoded, undefined, { epoch: NOW, signedPath: encoded })).status, 401);
  t.equal(
    (await call(url, 'GET', '/setting/admins/32%2F..%2F33/apitokens', undefined, { epoch: NOW })).status,
    404,
  );
});

t.test('a minted token acts as its owner until it is disabled, or its owner suspended', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  const token = minted(await call(url, 'POST', TOKENS, {}, { epoch: NOW }));
  const as = { epoch: NOW, key: token };
  const own = await call(url, 'POST', TOKENS, {}, as);
  t.match(own, { status: 200, body: { createdBy: 'automation' } });
  t.equal((await call(url, 'POST', '/setting/admins/7/apitokens', {}, as)).status, 403);
  t.match(
    simulator.state().tokens.find(({ id }) => id === token.id),
    { lastUsedOn: NOW / 1000, lastAuthIp: '127.0.0.1' },
  );

  simulator.setAdmin({ id: 32, status: 'suspended' });
  t.equal((await call(url, 'GET', TOKENS, undefined, as)).status, 401);
  t.equal(refusedBecause(simulator), 'suspended');
  simulator.setAdmin({ id: 32, status: 'active' });
  await call(url, 'PATCH', `${TOKENS}/${token.id}`, { status: 1 }, { epoch: NOW });
  t.equal((await call(url, 'GET', TOKENS, undefined, as)).status, 401);
  t.equal(refusedBecause(simulator), 'disabled');
});

t.test('repeated failures lock an access id, and only that one, until the lock runs out', async (t) => {
  let now = NOW;
  const simulator = await started(t, { clock: () => now, settings: { lockAfter: 3, lockMs: 60_000 } });
  const { url } = simulator;
  const other = simulator.addKey({ adminId: 7 });
  const right = () => call(url, 'GET', LIST, undefined, { epoch: now });
  const wrong = () => call(url, 'GET', LIST, undefined, { epoch: now, key: { ...ROOT, accessKey: 'x' } });
  await wrong();
  await wrong();
  t.equal((await right()).status, 200, 'a success sets the count back');
  for (let n = 0; n < 3; n += 1) await wrong();
  t.equal((await right()).status, 401);
  t.equal(refusedBecause(simulator), 'locked');
  t.match(simulator.state().locks, [
    { accessId: ROOT.accessId, failures: 3, lockedUntil: new Date(NOW + 60_000).toISOString() },
  ]);
  t.equal((await call(url, 'GET', LIST, undefined, { epoch: now, key: other })).status, 200);
  now += 60_000;
  t.equal((await wrong()).status, 401);
  t.equal((await right()).status, 200, 'counting began anew');
  t.same(simulator.state().locks, []);
});
