import t, { type Test } from 'tap';
import type { FaultInput } from '../../simulator/faults.ts';
import { isProblem } from '../support/problem.ts';
import { type Stack, startStack, until, untilStatus } from '../support/stack.ts';

const SHORT = { CREDENTIAL_REREAD: '300ms', LM_ATTEMPT_TIMEOUT: '500ms', LM_CONNECT_TIMEOUT: '200ms' };
const LIST = '/setting/admins/apitokens';

/** The POSTs that LM got. */
function posts(stack: Stack) {
  return stack.simulator.requests().filter(({ method }) => method === 'POST');
}

async function ownAdminRefused(t: Test, stack: Stack): Promise<void> {
  const before = posts(stack).length;
  const own = await stack.mint(7);
  isProblem(t, own, 'policy-denied');
  t.match(own.body, { reason: 'own-admin', decisionId: /./ });
  t.equal(posts(stack).length, before, 'LM was not asked');
}

t.test(
  'While the user of our own key is not known nobody is minted for, and it heals by itself',
  async (t) => {
    const list = (fault: FaultInput): FaultInput => ({ ...fault, method: 'GET', path: LIST });
    const stack = await startStack(t, {
      settings: SHORT,
      ready: false,
      before: async (_, simulator) => {
        simulator.faults.add(list({ kind: 'status', status: 403 }));
      },
    });
    await untilStatus(stack.broker.url, 200);
    const { faults } = stack.simulator;
    for (const fault of [
      { kind: 'status', status: 403 },
      { kind: 'status', status: 200, body: { total: 0, searchId: null, items: [] } },
      { kind: 'status', status: 503, bodyType: 'html' },
      { kind: 'resetBeforeCommit' },
    ] as const) {
      const before = stack.simulator.state().requests;
      faults.clear();
      faults.add(list(fault));
      await stack.simulator.until(() =>
        stack.simulator.requests(before).some((request) => request.fault === fault.kind),
      );
      isProblem(t, await stack.mint(32), 'own-admin-unknown');
      t.match(await stack.get('/readyz'), {
        status: 200,
        body: { status: 'degraded', parts: { logicmonitor: 'degraded', credential: 'ok' } },
      });
    }
    t.equal(posts(stack).length, 0, 'nothing was sent');
    t.notOk(
      (await stack.records()).some(({ kind }) => kind === 'intent'),
      'nothing was intended',
    );
    await until(
      async () =>
        (await stack.records()).some(
          (record) =>
            record.kind === 'request' && record.problem === 'own-admin-unknown' && record.reason !== null,
        ),
      'the refusals to be recorded',
    );
    faults.clear();
    await until(
      async () => (await stack.get('/readyz')).body.parts.logicmonitor === 'ok',
      'the user to be found, without a request',
    );
    t.equal((await stack.mint(32)).status, 201);
    await ownAdminRefused(t, stack);
  },
);

t.test('LM_OWN_ADMIN_ID is the operator’s word, and LM is not asked', async (t) => {
  const stack = await startStack(t, { settings: { ...SHORT, LM_OWN_ADMIN_ID: '7' } });
  stack.simulator.faults.add({ kind: 'status', status: 403, method: 'GET' });
  t.equal((await stack.mint(32)).status, 201);
  await ownAdminRefused(t, stack);
  t.notOk(stack.simulator.requests().some(({ method }) => method === 'GET'));
});

t.test('A new pair takes over once its user is known; until then the old one serves', async (t) => {
  const stack = await startStack(t, { settings: SHORT, simulator: { settings: { limits: 'off' } } });
  const { simulator, vault } = stack;
  await ownAdminRefused(t, stack);
  simulator.setAdmin({ id: 33, manages: 'all' });
  const fresh = simulator.addKey({ adminId: 33, accessKey: 'theKeyOfAnotherUser' });
  simulator.faults.add({ kind: 'status', status: 500, method: 'GET', path: LIST });
  const before = simulator.state().requests;
  await vault.kv.write({ accessId: fresh.accessId, accessKey: 'theKeyOfAnotherUser' });
  const searched = () => simulator.requests(before).some(({ query }) => query.includes(fresh.accessId));
  await until(async () => {
    if ((await stack.mint(32)).status !== 201) throw new Error('a mint failed');
    return searched();
  }, 'the user of the new pair to be searched');
  t.equal((await stack.mint(32)).status, 201);
  t.equal(posts(stack).at(-1)?.accessId, vault.pair.accessId, 'signed with the old pair');
  await ownAdminRefused(t, stack);

  simulator.faults.clear();
  await until(
    async () =>
      (await stack.records()).some(
        (record) =>
          record.kind === 'system' && record.event === 'credential-changed' && record.detail['to'] === 2,
      ),
    'the new pair to take over, without a request',
  );
  t.equal((await stack.mint(32)).status, 201);
  t.equal(posts(stack).at(-1)?.accessId, fresh.accessId, 'signed with the new pair');
  const own = await stack.mint(33, { reason: 'for the test' });
  isProblem(t, own, 'policy-denied');
  t.equal(own.body.reason, 'own-admin', 'and its user is the one that is refused now');
});
