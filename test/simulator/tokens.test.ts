import t, { type Test } from 'tap';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/server.ts';
import { call, itemsOf, minted } from './lm-client.ts';

async function started(t: Test, options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  t.teardown(() => simulator.close());
  return simulator;
}

t.test('a new token has all of its fields, an access id and key of the shape of LM’s example', async (t) => {
  const now = 1_700_000_000_999;
  const { url } = await started(t, { clock: () => now });
  const made = await call(
    url,
    'POST',
    '/setting/admins/32/apitokens',
    { note: 'ci Ærgo 世界 🚀' },
    { epoch: now },
  );
  t.equal(made.status, 200);
  t.match(made.headers, { 'content-type': /^application\/json/, date: 'Tue, 14 Nov 2023 22:13:20 GMT' });
  t.match(made.body, {
    id: Number,
    adminId: 32,
    adminName: 'automation',
    accessId: /^[A-Za-z0-9]{20}$/,
    accessKey: /^(?=.*[^A-Za-z0-9]).{40}$/,
    roles: ['automation', 'readonly'],
    createdOn: 1_700_000_000,
    createdBy: 'token-broker',
    lastUsedOn: 0,
    note: 'ci Ærgo 世界 🚀',
    status: 2,
    type: null,
  });
});

t.test('read-only and unknown fields of a create are ignored', async (t) => {
  const { url } = await started(t);
  const body = { adminId: 7, accessId: 'mine', accessKey: 'mine', roles: ['administrator'], x: 1, status: 1 };
  const made = await call(url, 'POST', '/setting/admins/33/apitokens', body);
  t.match(made.body, { adminId: 33, status: 1, note: '', roles: ['readonly'] });
  t.not(made.body['accessId'], 'mine');
  t.not(made.body['accessKey'], 'mine');
});

t.test('the access key is shown once: a later read lacks it, says null or masks it, as set', async (t) => {
  const simulator = await started(t);
  const { accessKey } = minted(await call(simulator.url, 'POST', '/setting/admins/32/apitokens', {}));
  for (const [accessKeyInReads, seen] of [
    ['absent', undefined],
    ['null', null],
    ['masked', '*'.repeat(40)],
  ] as const) {
    simulator.set({ accessKeyInReads });
    const list = await call(simulator.url, 'GET', '/setting/admins/32/apitokens');
    t.equal(itemsOf(list)[0]?.['accessKey'], seen);
    t.notOk(list.text.includes(accessKey));
  }
  t.notOk(JSON.stringify(simulator.state()).includes(accessKey));
});

t.test('bearer and LMv1 tokens are listed apart, and a bearer authenticates by itself', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  const bearer = await call(url, 'POST', '/setting/admins/7/apitokens?type=bearer', { note: 'b' });
  t.match(bearer.body, { type: 'bearer', accessId: null, accessKey: /^lmb_/ });
  simulator.set({ bearerAccessId: 'given' });
  t.match((await call(url, 'POST', '/setting/admins/7/apitokens?type=bearer', {})).body, {
    accessId: /^\w{20}$/,
  });
  t.same(
    itemsOf(await call(url, 'GET', '/setting/admins/apitokens')).map(({ type }) => type),
    [null],
  );
  const list = await call(url, 'GET', '/setting/admins/apitokens?type=bearer');
  t.same(
    itemsOf(list).map(({ type }) => type),
    ['bearer', 'bearer'],
  );
  t.match(itemsOf(list)[0], { accessKey: /^lmb_.{4}\*+$/ });
  const authorization = `Bearer ${String(bearer.body['accessKey'])}`;
  t.equal((await call(url, 'GET', '/setting/admins', undefined, { authorization })).status, 200);
  t.equal((await call(url, 'GET', '/setting/admins?type=both', undefined)).status, 200);
  t.equal((await call(url, 'GET', '/setting/admins/apitokens?type=both')).status, 400);
});

t.test('PATCH changes only what it names; PUT replaces, so that it enables a disabled token', async (t) => {
  const { url } = await started(t);
  const { id } = minted(await call(url, 'POST', '/setting/admins/32/apitokens', { note: 'n', status: 1 }));
  const path = `/setting/admins/32/apitokens/${id}`;
  t.match((await call(url, 'PATCH', path, { note: 'm' })).body, { note: 'm', status: 1 });
  t.match((await call(url, 'PUT', path, { note: 'o' })).body, { note: 'o', status: 2 });
  t.match((await call(url, 'PATCH', path, '{"status": 1}')).body, { note: 'o', status: 1, id });
});

t.test('DELETE takes an empty body and `{}` alike; what is gone is 404/1404', async (t) => {
  const simulator = await started(t);
  const { url } = simulator;
  for (const body of [undefined, '{}']) {
    const { id } = minted(await call(url, 'POST', '/setting/admins/32/apitokens', {}));
    const path = `/setting/admins/32/apitokens/${id}`;
    const gone = await call(url, 'DELETE', path, body);
    t.match(gone, { status: 200, text: '{}' });
    t.match(await call(url, 'DELETE', path, body), {
      status: 404,
      body: { errorCode: 1404, errorDetail: null },
    });
    t.equal((await call(url, 'PATCH', path, {})).status, 404);
  }
  t.same(simulator.state().counts, { tokens: 1, byAdmin: { 7: 1 } });
});

t.test('a token is not found under another user', async (t) => {
  const { url } = await started(t);
  const { id } = minted(await call(url, 'POST', '/setting/admins/32/apitokens', {}));
  t.equal((await call(url, 'DELETE', `/setting/admins/33/apitokens/${id}`)).status, 404);
  t.equal((await call(url, 'DELETE', `/setting/admins/32/apitokens/${id}`)).status, 200);
});

t.test(
  'an unknown user is 404/1404; a single token cannot be read; other paths and methods are errors',
  async (t) => {
    const { url } = await started(t);
    t.match(await call(url, 'POST', '/setting/admins/99/apitokens', {}), {
      status: 404,
      body: { errorCode: 1404 },
    });
    t.match(await call(url, 'GET', '/setting/admins/99/apitokens'), {
      status: 404,
      body: { errorCode: 1404 },
    });
    t.match(await call(url, 'GET', '/setting/admins/7/apitokens/1'), {
      status: 405,
      body: { errorCode: 1405 },
    });
    t.match(await call(url, 'POST', '/setting/admins/apitokens', {}), { status: 405 });
    for (const path of [
      '/setting/admins/32/apitokens/',
      '/setting/admins/32/apiTokens',
      '/setting/admins/x/apitokens',
    ])
      t.match(await call(url, 'GET', path), { status: 404, body: { errorCode: 1404 } });
    const outside = await fetch(`${url}/elsewhere`);
    t.match(outside.headers.get('content-type'), /text\/html/);
  },
);

t.test('a body that does not fit is 400/1400 with a text like Jackson’s, and makes no token', async (t) => {
  const simulator = await started(t);
  const bodies = [
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"note":1}',
    '{"status":"2"}',
    '{"status":3}',
    '{"note":"C:\\Inst"}',
  ];
  for (const body of [...bodies, Buffer.from('{"note":"a\xc3\x28"}', 'latin1')]) {
    const reply = await call(simulator.url, 'POST', '/setting/admins/32/apitokens', body);
    t.match(
      reply,
      { status: 400, body: { errorCode: 1400, errorMessage: /jackson|No content to map/ } },
      String(body),
    );
  }
  const large = JSON.stringify({ note: 'x'.repeat(1_100_000) });
  t.match(await call(simulator.url, 'POST', '/setting/admins/32/apitokens', large), { status: 413 });
  t.equal(simulator.state().counts.tokens, 1);
});

t.test('who may not manage another user’s tokens gets 403/1403, and sees its own only', async (t) => {
  const simulator = await started(t, { keys: [{ adminId: 32, accessId: 'own', accessKey: 'k' }] });
  const { url } = simulator;
  const key = { accessId: 'own', accessKey: 'k' };
  t.match(await call(url, 'POST', '/setting/admins/33/apitokens', {}, { key }), {
    status: 403,
    body: { errorCode: 1403 },
  });
  t.equal((await call(url, 'POST', '/setting/admins/32/apitokens', {}, { key })).status, 200);
  const seen = itemsOf(await call(url, 'GET', '/setting/admins/apitokens', undefined, { key }));
  t.same(
    seen.map(({ adminId }) => adminId),
    [32, 32],
  );
  simulator.setAdmin({ id: 32, manages: 'none' });
  for (const path of ['/setting/admins/32/apitokens', '/setting/admins/apitokens', '/setting/admins'])
    t.match(await call(url, 'GET', path, undefined, { key }), { status: 403 });
  simulator.setAdmin({ id: 32, manages: 'all' });
  t.equal((await call(url, 'POST', '/setting/admins/33/apitokens', {}, { key })).status, 200);
});

t.test('the users are listed with what LM’s SDK insists on', async (t) => {
  const { url } = await started(t, { admins: [{ id: 50, username: 'late', status: 'suspended' }] });
  const list = await call(url, 'GET', '/setting/admins?sort=-id&size=2');
  t.match(list.body, { total: 5, searchId: null });
  t.match(itemsOf(list), [
    {
      id: 50,
      username: 'late',
      status: 'suspended',
      email: String,
      roles: [{ name: 'readonly', privileges: [] }],
    },
    { id: 41 },
  ]);
});
