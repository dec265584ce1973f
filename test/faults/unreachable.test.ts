import t from 'tap';
import { startGate } from '../support/gate.ts';
import { isProblem } from '../support/problem.ts';
import { type Answer, type Stack, startStack, until } from '../support/stack.ts';

const SETTINGS = {
  LM_ATTEMPT_TIMEOUT: '700ms',
  LM_CONNECT_TIMEOUT: '300ms',
  REQUEST_TIMEOUT: '1500ms',
  VAULT_TIMEOUT: '1s',
  ISSUER_TIMEOUT: '1s',
  AUDIT_WRITE_TIMEOUT: '1s',
};

async function outcomesOf(stack: Stack, answer: Answer) {
  const id = answer.headers.get('x-request-id');
  return (await stack.records()).filter((record) => record.kind === 'outcome' && record.requestId === id);
}

function posts(stack: Stack) {
  return stack.simulator.requests().filter(({ method }) => method === 'POST');
}

t.test('While LM cannot be reached, a mint tries again within its deadline', async (t) => {
  const stack = await startStack(t, { settings: SETTINGS });
  const gate = await startGate(t, stack.simulator.port);
  await stack.broker.stop();
  await stack.restart({ LM_URL: gate.url });
  t.equal((await stack.mint(32)).status, 201, 'through the gate');
  await gate.shut();

  const started = Date.now();
  const answer = await stack.mint(32);
  isProblem(t, answer, 'upstream-unreachable');
  t.ok(Date.now() - started < 1_700, 'no longer than the deadline');
  t.match(await outcomesOf(stack, answer), [
    { outcome: 'not-sent', problem: 'upstream-unreachable', upstream: { status: null } },
  ]);

  const waiting = stack.mint(32, { note: 'patient' });
  await until(
    async () =>
      (await stack.records()).some(
        (record) => record.kind === 'intent' && record.requested.note === 'patient',
      ),
    'the intent',
  );
  await gate.open();
  t.equal((await waiting).status, 201, 'LM came back in time');
  t.equal(posts(stack).filter(({ body }) => body.includes('patient')).length, 1, 'one POST');
});
