import t from 'tap';
import { startStack, until } from '../support/stack.ts';

const stack = await startStack(t, { settings: { CALLER_RATE: '1', CALLER_BURST: '3' } });

t.test(
  'a caller that asks too often is 429 with a time to wait, counted and not recorded, and costs others nothing',
  async (t) => {
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => stack.mint(32, { note: `n${n}` })));
    const refused = answers.filter(({ status }) => status === 429);
    t.equal(answers.filter(({ status }) => status === 201).length, 3);
    t.equal(refused.length, 3);
    for (const { headers, body } of refused) {
      t.equal(headers.get('retry-after'), '1');
      t.match(body, { type: '/problems/too-many-requests', status: 429, requestId: String });
      t.match(body.detail, /1 requests a second, and 3 at once/);
    }
    t.equal((await stack.mint(32, {}, { authorization: `Bearer ${stack.otherJwt}` })).status, 403, 'another');
    t.equal((await stack.mint(32, {}, { authorization: 'Bearer x' })).status, 401, 'nobody’s is never 429');
    t.equal((await stack.mint(32, '{', {})).status, 429, 'whatever is asked');

    await stack.broker.stop();
    const records = await stack.records();
    t.notOk(
      records.some((record) => record.kind === 'request' && record.problem === 'too-many-requests'),
      'no record of its own',
    );
    const counts = records.flatMap((record) => (record.kind === 'refusals' ? record.counts : []));
    t.equal(
      counts.filter(({ cause }) => cause === 'too-many-requests').reduce((sum, { count }) => sum + count, 0),
      4,
    );
    const samples = records.flatMap((record) => (record.kind === 'refusals' ? record.samples : []));
    const sample = samples.find(({ cause }) => cause === 'too-many-requests');
    t.match(sample?.detail, /^demo:/, 'who it was is told');
  },
);

t.test('after the time that it was told to wait a caller is served again', async (t) => {
  await stack.restart();
  while ((await stack.mint(32)).status === 201);
  const { headers } = await stack.mint(32);
  t.equal(headers.get('retry-after'), '1');
  await until(async () => (await stack.mint(32)).status === 201, 'the caller to be served again');
});
