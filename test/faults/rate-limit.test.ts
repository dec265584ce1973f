import t from 'tap';
import { isProblem } from '../support/problem.ts';
import { type Answer, type Stack, startStack, until } from '../support/stack.ts';

const SETTINGS = { REQUEST_TIMEOUT: '5s', LM_ATTEMPT_TIMEOUT: '700ms', LM_CONNECT_TIMEOUT: '300ms' };

async function outcomesOf(stack: Stack, answer: Answer) {
  const id = answer.headers.get('x-request-id');
  return (await stack.records()).filter((record) => record.kind === 'outcome' && record.requestId === id);
}

function posts(stack: Stack) {
  return stack.simulator.requests().filter(({ method }) => method === 'POST');
}

t.test('Mints wait for LM’s window, first come, first served, also after a 429', async (t) => {
  const oneASecond = { limits: { POST: 1 }, windowMs: 1_000 };
  const stack = await startStack(t, {
    settings: { ...SETTINGS, REQUEST_TIMEOUT: '10s' },
    simulator: { settings: oneASecond },
  });
  t.equal((await stack.mint(32, { note: 'zero' })).status, 201);
  stack.simulator.faults.add({
    kind: 'status',
    status: 429,
    method: 'POST',
    times: 1,
    headers: { 'x-rate-limit-window': '1' },
  });
  const mints: Promise<Answer>[] = [];
  for (const note of ['one', 'two', 'three']) {
    mints.push(stack.mint(32, { note }));
    const intents = mints.length + 1;
    await until(
      async () => (await stack.records()).filter(({ kind }) => kind === 'intent').length === intents,
      'the intent',
    );
  }
  t.same(
    (await Promise.all(mints)).map(({ status }) => status),
    [201, 201, 201],
  );
  const sent = posts(stack).map(({ body, status }) => [JSON.parse(body).note.split(' ')[0], status]);
  t.same(sent[1], ['one', 429], 'LM sent the first back');
  t.same(
    sent.filter(([, status]) => status === 200).map(([note]) => note),
    ['zero', 'one', 'two', 'three'],
    'nobody passed it',
  );
});

t.test('A window that is known to be used up beyond the deadline is told at once', async (t) => {
  const stack = await startStack(t, { settings: SETTINGS, simulator: { settings: { limits: { POST: 1 } } } });
  t.equal((await stack.mint(32)).status, 201);
  const answer = await stack.mint(32);
  isProblem(t, answer, 'upstream-rate-limited');
  t.ok(Number(answer.headers.get('retry-after')) > 30, 'from LM’s window');
  t.match(await outcomesOf(stack, answer), [
    { outcome: 'not-sent', problem: 'upstream-rate-limited', upstream: { status: null } },
  ]);
  t.equal(posts(stack).length, 1, 'the second was not sent');
});

t.test(
  'LM’s own 429, whatever its headers say, is waited out or told, never met with a hot loop',
  async (t) => {
    const stack = await startStack(t, { settings: SETTINGS });
    const refuseOnce = (more: { rateHeaders?: boolean; headers?: Record<string, string> }) =>
      stack.simulator.faults.add({ kind: 'status', status: 429, method: 'POST', times: 1, ...more });
    const window = (value: string) => ({ headers: { 'x-rate-limit-window': value } });

    refuseOnce(window('1'));
    const patient = await stack.mint(32);
    t.equal(patient.status, 201, 'Window 1 fits into the deadline');
    const [refused, taken] = posts(stack);
    t.match([refused?.status, taken?.status], [429, 200]);
    t.ok((taken?.at ?? 0) - (refused?.at ?? 0) >= 1_000, 'and not before the window is over');
    t.match(await outcomesOf(stack, patient), [{ outcome: 'minted' }], 'one attempt, one outcome');

    for (const [what, more] of [
      ['without headers', { rateHeaders: false }],
      ['Window 0', window('0')],
      ['Window -5', window('-5')],
      ['Window x', window('x')],
    ] as const) {
      const before = posts(stack).length;
      refuseOnce(more);
      const answer = await stack.mint(32);
      isProblem(t, answer, 'upstream-rate-limited');
      t.match(
        await outcomesOf(stack, answer),
        [{ outcome: 'refused', problem: 'upstream-rate-limited', upstream: { status: 429 } }],
        what,
      );
      const next = await stack.mint(32);
      isProblem(t, next, 'upstream-rate-limited');
      t.match(await outcomesOf(stack, next), [{ outcome: 'not-sent', upstream: { status: null } }], what);
      t.equal(posts(stack).length, before + 1, `${what}: asked once`);
      await stack.broker.stop();
      if (what !== 'Window x') await stack.restart();
    }
  },
);
