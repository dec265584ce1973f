import t from 'tap';
import { startStack } from '../support/stack.ts';
import { recordsOf } from './seen.ts';

const stack = await startStack(t);

/** `POST /admins/<admin>/tokens?dryRun=true`. */
const dry = (admin: number, body: object = {}, headers: Record<string, string> = {}) =>
  stack.dryRun(admin, body, headers);

t.test('a dry run tells the decision, is recorded, and mints nothing', async (t) => {
  const before = stack.simulator.requests().length;
  const { status, headers, body } = await dry(32, { note: 'would I?' }, { 'idempotency-key': 'k' });
  t.equal(status, 200);
  t.equal(headers.get('cache-control'), 'no-store');
  t.strictSame(body, {
    decision: 'allow',
    reason: null,
    decisionId: body.decisionId,
    obligations: { require: [] },
  });
  const requestId = headers.get('x-request-id') ?? '';
  t.match(await recordsOf(stack, requestId), [
    {
      kind: 'request',
      outcome: 'dry-run',
      problem: null,
      reason: null,
      adminId: 32,
      requested: { note: 'would I?' },
      decision: { id: body.decisionId, allow: true, input: { keyed: false } },
    },
  ]);
  t.equal(stack.simulator.requests().length, before, 'LogicMonitor hears nothing');
});

t.test('a dry run of what would be refused is 200 with the reason, own user included', async (t) => {
  const cases: [number, object, string][] = [
    [33, {}, 'forbidden'],
    [41, {}, 'no-permit'],
    [7, {}, 'own-admin'],
  ];
  for (const [admin, asked, reason] of cases) {
    const { status, headers, body } = await dry(admin, asked);
    t.equal(status, 200, reason);
    t.match(body, { decision: 'deny', reason }, reason);
    t.notOk('policies' in body);
    t.match(await recordsOf(stack, headers.get('x-request-id') ?? ''), [
      { kind: 'request', outcome: 'dry-run', problem: null, reason },
    ]);
  }
});

t.test('a dry run of a request that is not one is refused like the request', async (t) => {
  const { status, body } = await dry(32, { nope: 1 });
  t.equal(status, 400);
  t.match(body, { type: '/problems/invalid-request', errors: [{ pointer: '/nope' }] });
  t.equal((await dry(32, {}, { authorization: 'Bearer x' })).status, 401);
});

t.test('a dry run needs neither Vault nor LogicMonitor', async (t) => {
  await stack.vault.server.close();
  await stack.simulator.close();
  t.match((await dry(32)).body, { decision: 'allow', reason: null });
});
