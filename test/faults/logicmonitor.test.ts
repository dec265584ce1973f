import t from 'tap';
import type { FaultInput } from '../../simulator/faults.ts';
import { isProblem } from '../support/problem.ts';
import { type Answer, type Stack, startStack, until } from '../support/stack.ts';

const SHORT = {
  REQUEST_TIMEOUT: '2500ms',
  LM_ATTEMPT_TIMEOUT: '400ms',
  LM_CONNECT_TIMEOUT: '200ms',
  CREDENTIAL_REREAD: '300ms',
};

/** The records of one request, by its answer. */
async function recordsOf(stack: Stack, answer: Answer) {
  const id = answer.headers.get('x-request-id');
  return (await stack.records()).filter((record) => 'requestId' in record && record.requestId === id);
}

/** How many POSTs LM got since entry `after` of its journal, and the number of its last entry. */
function postsSince(stack: Stack, after: number) {
  return stack.simulator.requests(after).filter(({ method }) => method === 'POST');
}

function lastRequest(stack: Stack): number {
  return stack.simulator.state().requests;
}

t.test('What LM itself refuses is the problem of the table, and recorded as refused', async (t) => {
  const stack = await startStack(t, { settings: SHORT });
  const { simulator } = stack;
  for (const [status, problem] of [
    [403, 'upstream-forbidden'],
    [404, 'admin-not-found'],
    [409, 'upstream-conflict'],
    [400, 'upstream-rejected'],
    [412, 'upstream-rejected'],
    [413, 'upstream-rejected'],
  ] as const) {
    const before = lastRequest(stack);
    simulator.faults.add({ kind: 'status', status, method: 'POST', times: 1 });
    const answer = await stack.mint(32);
    isProblem(t, answer, problem);
    t.notMatch(answer.text, /fault: status/, `${status}: LM’s own words stay here`);
    t.equal(postsSince(stack, before).length, 1, `${status}: one POST`);
    t.match(
      await recordsOf(stack, answer),
      [
        { kind: 'intent' },
        { kind: 'outcome', outcome: 'refused', problem, upstream: { status }, token: null },
      ],
      `${status}: recorded`,
    );
  }
  t.equal((await stack.get('/readyz')).body.openIntents, 0);
  t.equal((await stack.mint(32)).status, 201, 'and the next one works');
});

t.test('A redirect is never followed', async (t) => {
  const stack = await startStack(t, { settings: SHORT });
  const { simulator } = stack;
  for (const status of [301, 302, 307, 308] as const) {
    const before = lastRequest(stack);
    const location = `${simulator.url}/santaba/rest/setting/admins/33/apitokens`;
    simulator.faults.add({ kind: 'redirect', method: 'POST', times: 1, status, location });
    const answer = await stack.mint(32);
    isProblem(t, answer, 'upstream-protocol');
    t.equal(postsSince(stack, before).length, 1, `${status}: one POST`);
    t.notOk(
      simulator.requests(before).some(({ path }) => path.includes('/33/')),
      `${status}: not followed`,
    );
    t.match(await recordsOf(stack, answer), [
      { kind: 'intent' },
      { kind: 'outcome', outcome: 'refused', problem: 'upstream-protocol', upstream: { status } },
    ]);
  }
});

const AMBIGUOUS: readonly (readonly [what: string, fault: FaultInput, committed: boolean])[] = [
  ['LM’s own 500', { kind: 'status', status: 500 }, false],
  ['LM’s own 503', { kind: 'status', status: 503, commit: true }, true],
  ['a 502 page', { kind: 'status', status: 502, bodyType: 'html' }, false],
  ['a 503 page', { kind: 'status', status: 503, bodyType: 'html', commit: true }, true],
  ['a 404 page', { kind: 'status', status: 404, bodyType: 'html' }, false],
  ['a 401 page', { kind: 'status', status: 401, bodyType: 'html' }, false],
  ['JSON with a 409 that is not LM’s', { kind: 'status', status: 409, body: { error: 'no' } }, false],
  ['202', { kind: 'accepted202' }, false],
  ['a reset before the commit', { kind: 'resetBeforeCommit' }, false],
  ['a reset after the commit', { kind: 'resetAfterCommit' }, true],
  ['headers that are late', { kind: 'slowHeaders', ms: 1_000 }, true],
  ['an answer that is late', { kind: 'delayAfterCommit', ms: 1_000 }, true],
  ['a body that is late', { kind: 'slowBody', ms: 1_000 }, true],
  ['half a body', { kind: 'truncate' }, true],
  ['invalid JSON', { kind: 'invalidJson' }, true],
  ['a 200 with an errorCode', { kind: 'errorCodeIn200' }, false],
  ['a 200 that is no token', { kind: 'status', status: 200, body: { id: 12 } }, false],
  ['a 200 that calls itself HTML', { kind: 'wrongContentType' }, true],
  ['10 MB', { kind: 'oversized' }, true],
  ['gzip', { kind: 'gzip' }, true],
  // The last: whoever sent it, its 429 is heeded, so that nothing is sent for a minute.
  ['a 429 page', { kind: 'status', status: 429, bodyType: 'html' }, false],
];

t.test(
  'An answer that does not tell whether a token was made is 504, and its intent stays open',
  async (t) => {
    const stack = await startStack(t, { settings: SHORT });
    const { simulator } = stack;
    let open = 0;
    for (const [what, fault, committed] of AMBIGUOUS) {
      await t.test(what, async (t) => {
        const before = lastRequest(stack);
        simulator.faults.add({ ...fault, method: 'POST', times: 1 });
        const started = Date.now();
        const answer = await stack.mint(32, { note: what });
        isProblem(t, answer, 'outcome-unknown');
        t.ok(Date.now() - started < 900, 'within the deadline of one attempt');
        t.match(answer.body.mintId, /^[0-9a-z]{26}$/);
        t.equal(answer.body.accessKey, undefined);
        t.equal(postsSince(stack, before).length, 1, 'exactly one POST');
        open += 1;
        t.match(
          (await recordsOf(stack, answer)).map(({ kind }) => kind),
          ['intent'],
          'no outcome',
        );
        t.equal((await stack.get('/readyz')).body.openIntents, open);
        const marker = ` [lmtb:${answer.body.mintId}]`;
        const marked = simulator.state().tokens.filter(({ note }) => String(note).endsWith(marker));
        t.equal(marked.length, committed ? 1 : 0, 'LM’s list shows the marker if it was made');
      });
    }
    t.match(await stack.get('/readyz'), { status: 200 }, 'still ready');
    await stack.broker.stop();
    await stack.restart();
    t.equal((await stack.get('/readyz')).body.openIntents, open, 'a restart forgets none');
    t.match(await stack.log(), new RegExp(`"openIntents":${open}\\b`));
  },
);

t.test('LM’s own 401', async (t) => {
  const slow = { ...SHORT, CREDENTIAL_REREAD: '1h', CREDENTIAL_MAX_STALE: '2h' };
  const stack = await startStack(t, { settings: slow });
  const { simulator, vault } = stack;

  await t.test('a clock that is 31 minutes off latches nothing', async (t) => {
    simulator.set({ clockOffsetMs: 31 * 60_000 });
    const before = lastRequest(stack);
    const answer = await stack.mint(32);
    isProblem(t, answer, 'upstream-credential-rejected');
    t.equal(postsSince(stack, before).length, 1);
    t.match(await recordsOf(stack, answer), [
      { kind: 'intent' },
      { kind: 'outcome', outcome: 'refused', reason: 'clock-skew', upstream: { status: 401 } },
    ]);
    simulator.set({ clockOffsetMs: 0 });
    t.equal((await stack.mint(32)).status, 201, 'at once, when the clocks agree again');
  });

  await t.test('a key that Vault has replaced meanwhile is signed with once', async (t) => {
    const fresh = simulator.addKey({ adminId: 7, accessKey: 'freshKeyOfTheBroker' });
    await vault.kv.write({ accessId: fresh.accessId, accessKey: 'freshKeyOfTheBroker' });
    simulator.removeKey(vault.pair.accessId);
    const before = lastRequest(stack);
    const answer = await stack.mint(32);
    t.equal(answer.status, 201);
    t.same(
      postsSince(stack, before).map(({ accessId, status, refused }) => ({ accessId, status, refused })),
      [
        { accessId: null, status: 401, refused: 'unknown-key' },
        { accessId: fresh.accessId, status: 200, refused: null },
      ],
    );
    t.match((await recordsOf(stack, answer)).slice(0, 2), [
      { kind: 'intent', credentialVersion: 1 },
      { kind: 'outcome', outcome: 'minted' },
    ]);
    t.equal(
      (await recordsOf(stack, answer)).filter(({ kind }) => kind === 'intent').length,
      1,
      'one attempt',
    );
  });
});

t.test('A key that LM rejects is latched until Vault has another', async (t) => {
  const stack = await startStack(t, { settings: SHORT });
  const { simulator, vault } = stack;
  simulator.removeKey(vault.pair.accessId);
  const before = lastRequest(stack);
  const first = await stack.mint(32);
  isProblem(t, first, 'upstream-credential-rejected');
  t.match(await recordsOf(stack, first), [
    { kind: 'intent' },
    { kind: 'outcome', outcome: 'refused', reason: 'key-rejected', upstream: { status: 401 } },
  ]);
  const asked = simulator.requests(before).length;
  t.ok(asked <= 2, `LM was asked ${asked} times`);
  for (const answer of await Promise.all([1, 2, 3].map(() => stack.mint(32)))) {
    isProblem(t, answer, 'upstream-credential-rejected');
    await until(async () => (await recordsOf(stack, answer)).length > 0, 'the record');
    t.match(await recordsOf(stack, answer), [
      { kind: 'request', outcome: 'refused', problem: 'upstream-credential-rejected', reason: 'key-latched' },
    ]);
  }
  t.equal(simulator.requests(before).length, asked, 'latched: LM is not asked');
  t.match(await stack.get('/readyz'), {
    status: 200,
    body: { status: 'degraded', parts: { logicmonitor: 'failed' } },
  });
  t.match(
    (await stack.records()).filter(({ kind }) => kind === 'system').at(-1),
    { event: 'latch-closed', detail: { accessId: vault.pair.accessId, version: 1 } },
    'the latch is recorded',
  );
  const fresh = simulator.addKey({ adminId: 7, accessKey: 'anotherKeyOfTheBroker' });
  await vault.kv.write({ accessId: fresh.accessId, accessKey: 'anotherKeyOfTheBroker' });
  await until(async () => (await stack.mint(32)).status === 201, 'the other key to be used');
  const rejected = simulator.requests(before).filter(({ status }) => status === 401);
  t.equal(rejected.length, 1, 'LM never saw the old one again');
  t.equal((await stack.get('/readyz')).body.parts.logicmonitor, 'ok');
});
