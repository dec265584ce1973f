import t from 'tap';
import { startSimulator } from '../../simulator/server.ts';
import { call } from './lm-client.ts';

const TOKENS = '/setting/admins/32/apitokens';

t.test('limits are LM’s defaults, told with every answer, refusals included', async (t) => {
  const { url, close } = await startSimulator();
  t.teardown(close);
  for (const [method, path, limit] of [
    ['GET', TOKENS, '500'],
    ['POST', TOKENS, '200'],
    ['PUT', `${TOKENS}/9`, '200'],
    ['PATCH', `${TOKENS}/9`, '250'],
    ['DELETE', `${TOKENS}/9`, '300'],
  ] as const) {
    const headers = { 'x-rate-limit-limit': limit, 'x-rate-limit-window': '60' };
    const remaining = String(Number(limit) - 1);
    t.match((await call(url, method, path, '{}')).headers, {
      ...headers,
      'x-rate-limit-remaining': remaining,
    });
    const unsigned = await call(url, method, path, '{}', { authorization: 'none' });
    t.match(unsigned, { status: 401, headers });
  }
});

t.test('the window rolls: each request frees its place after its own minute', async (t) => {
  let now = 1_700_000_000_000;
  const simulator = await startSimulator({ clock: () => now, settings: { limits: { POST: 2 } } });
  t.teardown(() => simulator.close());
  const post = () => call(simulator.url, 'POST', '/setting/admins/33/apitokens', {}, { epoch: now });
  t.equal((await post()).status, 200);
  now += 30_000;
  t.match(await post(), { status: 200, headers: { 'x-rate-limit-remaining': '0' } });
  const refused = await post();
  t.match(refused, { status: 429, body: { errorCode: 1429, errorMessage: 'Too many requests' } });
  t.match(refused.headers, {
    'x-rate-limit-limit': '2',
    'x-rate-limit-remaining': '0',
    'retry-after': undefined,
  });
  const other = await call(simulator.url, 'POST', TOKENS, {}, { epoch: now });
  t.equal(other.status, 429, 'the limit is the endpoint’s, whoever the user');
  t.equal(
    (await call(simulator.url, 'GET', TOKENS, undefined, { epoch: now })).status,
    200,
    'and the method’s',
  );
  now += 30_000;
  t.equal((await post()).status, 200, 'the first has left the window');
  t.equal((await post()).status, 429, 'the second has not');
  simulator.set({ limits: 'off' });
  t.match(await post(), { status: 200, headers: { 'x-rate-limit-limit': '1000000' } });
  simulator.set({ limits: { POST: 0 }, windowMs: 1500 });
  t.match(await post(), { status: 200, headers: { 'x-rate-limit-window': '2' } });
  t.match(simulator.state().settings.limits, { POST: 0, GET: 500 });
});
