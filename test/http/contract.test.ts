import t from 'tap';
import { startStack, until } from '../support/stack.ts';
import { ask } from './connection.ts';

const stack = await startStack(t);
const { simulator } = stack;
const MINT_ID = /^[0-9a-hjkmnp-tv-z]{26}$/;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** The one POST that the last mint sent upstream, and the token in LM that it made. */
function upstream() {
  const post = simulator.requests().findLast(({ method }) => method === 'POST');
  const token = simulator.state().tokens.find(({ id }) => id === post?.tokenId);
  if (post === undefined || token === undefined) throw new Error('nothing was made upstream');
  return { post, token };
}

/** The records of one request by kind, once `delivery` is among them. */
async function recordsOf(requestId: string) {
  const own = async () =>
    (await stack.records()).filter((record) => 'requestId' in record && record.requestId === requestId);
  await until(
    async () => (await own()).some(({ kind }) => kind === 'delivery'),
    `the delivery of ${requestId}`,
  );
  return own();
}

t.test('an empty object gets a token with every default, and exactly the documented members', async (t) => {
  const before = Math.floor(Date.now() / 1000);
  const { status, headers, body } = await stack.mint(32, {});
  const { post, token } = upstream();
  t.equal(status, 201);
  t.match(body.accessId, /^[A-Za-z0-9]{20}$/);
  t.equal(body.accessKey.length, 40);
  t.match(body.mintId, MINT_ID);
  t.ok(body.createdOn >= before && body.createdOn <= Date.now() / 1000, 'createdOn is in epoch seconds');
  const { accessKey, mintId, ...rest } = body;
  t.strictSame(rest, {
    id: token['id'],
    adminId: 32,
    accessId: token['accessId'],
    note: '',
    status: 2,
    type: 'API token',
    createdOn: token['createdOn'],
    expiresAt: null,
  });
  t.equal(post.query, '', 'an API token is LogicMonitor’s own default: no type is sent');
  t.strictSame(JSON.parse(post.body), { note: ` [lmtb:${mintId}]`, status: 2 });
  t.equal(headers.get('content-type'), 'application/json; charset=utf-8');
  t.equal(headers.get('cache-control'), 'no-store');
  t.match(headers.get('x-request-id'), MINT_ID, 'an id of ours, since the caller gave none');
  t.equal(headers.get('location'), null, 'there is no /mints to point to yet');
  t.equal(headers.get('idempotency-replayed'), null);
});

t.test('a bearer token is asked for in the query and comes without an access id', async (t) => {
  const { status, body } = await stack.mint(32, { type: 'bearer', note: 'a bearer' });
  const { post } = upstream();
  t.equal(status, 201);
  t.match(body, { type: 'bearer', accessId: null, status: 2 });
  t.match(body.accessKey, /^lmb_/);
  t.equal(post.query, '?type=bearer');
  t.notOk('type' in JSON.parse(post.body), 'the type is not in the body');
});

t.test('status 1 makes a disabled token', async (t) => {
  const { status, body } = await stack.mint(32, { status: 1 });
  t.equal(status, 201);
  t.equal(body.status, 1);
  t.equal(upstream().token['status'], 1);
});

t.test('a note that LogicMonitor’s own clients trip over reads back the same everywhere', async (t) => {
  const note = 'Ærgo 世界 🚀 C:\\Inst "x" <b>&amp;</b> [lm] \u00a0';
  const { status, headers, body } = await stack.mint(32, { note });
  t.equal(status, 201, 'LogicMonitor verified the signature over the bytes that it got');
  t.equal(body.note, note, 'the caller gets its own note back, without the marker');
  t.equal(upstream().token['note'], `${note} [lmtb:${body.mintId}]`);
  const [intent] = await recordsOf(headers.get('x-request-id') ?? '');
  t.match(intent, { kind: 'intent', requested: { note } });
});

t.test('200 UTF-16 units of note and 500 of reason are taken, surrogate pairs counting two', async (t) => {
  const { status, body } = await stack.mint(32, { note: '🚀'.repeat(100), reason: 'é'.repeat(500) });
  t.equal(status, 201);
  t.equal(body.note, '🚀'.repeat(100));
});

t.test('what goes upstream is our own wording of what was validated', async (t) => {
  const sent = ' { "status" : 1,\n\t"re\\u0061son":"\\u0074icket 7", "note":"\\u0063i\\/7 \\ud83d\\ude80" } ';
  const { status, body } = await stack.mint(33, sent, { 'content-type': 'application/json; charset=UTF-8' });
  const { post } = upstream();
  t.equal(status, 201);
  t.equal(post.path, '/setting/admins/33/apitokens');
  t.equal(post.body, JSON.stringify({ note: `ci/7 🚀 [lmtb:${body.mintId}]`, status: 1 }));
  t.notMatch(post.body, /ticket/, 'the reason is for policy and audit only');
});

t.test('a media type may be written in other ways that mean the same', async (t) => {
  for (const type of ['APPLICATION/JSON', 'application/json ; charset="utf-8"', 'application/json;'])
    t.equal((await stack.mint(32, {}, { 'content-type': type })).status, 201, type);
  t.equal((await stack.mint(32, {}, { 'content-encoding': 'identity' })).status, 201);
});

t.test('the scheme of the credentials is taken in any letter case', async (t) => {
  const { status } = await stack.mint(32, {}, { authorization: `bEARER ${stack.callerJwt}` });
  t.equal(status, 201);
});

t.test('a well-formed X-Request-Id is taken over, and all records carry it', async (t) => {
  const requestId = `Deploy.7_a-${'x'.repeat(117)}`;
  const { status, headers, body } = await stack.mint(
    32,
    { note: 'n', reason: 'r' },
    { 'x-request-id': requestId },
  );
  t.equal(status, 201);
  t.equal(headers.get('x-request-id'), requestId);
  const records = await recordsOf(requestId);
  t.strictSame(
    records.map(({ kind }) => kind),
    ['intent', 'outcome', 'delivery'],
  );
  const principal = {
    alias: 'demo',
    issuer: stack.vault.issuer,
    subject: stack.vault.callers.allowed.subject,
  };
  for (const record of records)
    t.match(record, { mintId: body.mintId, principal, traceId: null, source: { address: '127.0.0.1' } });
  const [intent, outcome, delivery] = records;
  t.match(intent, {
    adminId: 32,
    requested: { note: 'n', status: 2, type: 'API token', reason: 'r' },
    decision: { allow: true, reason: null, policies: ['automation-mints-for-its-users'], errors: [] },
    credentialVersion: 1,
  });
  t.match(outcome, {
    outcome: 'minted',
    problem: null,
    upstream: { status: 200 },
    token: { id: body.id, accessId: body.accessId, createdOn: body.createdOn },
    leaseEnd: null,
  });
  t.match(delivery, { delivery: 'delivered' });
});

t.test('an X-Request-Id that is odd or repeated is replaced by ours', async (t) => {
  const odd = ['', 'a b', 'a/b', 'x'.repeat(129), 'id;drop', 'ünfit', '{"a":1}'];
  for (const given of [...odd.map((value) => [value]), ['one', 'one'], ['one', 'two']]) {
    const answer = await ask(t, stack.broker.url, {
      path: '/admins/32/tokens',
      headers: [
        ['Authorization', `Bearer ${stack.callerJwt}`],
        ['Content-Type', 'application/json'],
        ...given.map((value) => ['X-Request-Id', value] as const),
      ],
      body: '{}',
    });
    t.equal(answer.status, 201);
    t.match(answer.headers.get('x-request-id'), MINT_ID, JSON.stringify(given));
  }
});

t.test('the trace id of a well-formed traceparent stands in the records, another does not', async (t) => {
  const cases = [
    [TRACEPARENT, '4bf92f3577b34da6a3ce929d0e0e4736'],
    [TRACEPARENT.toUpperCase(), null],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', null],
    ['nonsense', null],
  ] as const;
  for (const [traceparent, traceId] of cases) {
    const { headers } = await stack.mint(32, {}, { traceparent });
    const records = await recordsOf(headers.get('x-request-id') ?? '');
    for (const record of records) t.match(record, { traceId }, traceparent);
  }
});

t.test('the log has one line for the mint, with who, for whom and what became of it', async (t) => {
  const { body } = await stack.mint(32, {}, { 'x-request-id': 'one-line' });
  const linesOf = async () => (await stack.log()).split('\n').filter((line) => line.includes('one-line'));
  await until(async () => (await linesOf()).length > 0, 'the log line');
  const lines = await linesOf();
  t.equal(lines.length, 1);
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 'info',
    msg: 'mint',
    outcome: 'delivered',
    principal: `demo:${stack.vault.callers.allowed.subject}`,
    admin: 32,
    mintId: body.mintId,
    durationMs: Number,
  });
});

t.test('what is secret stands in the answer alone: not in the log, not in the audit', async (t) => {
  const { body, headers } = await stack.mint(32, { note: 'secret' });
  await recordsOf(headers.get('x-request-id') ?? '');
  const kept = JSON.stringify(await stack.records()) + (await stack.log());
  const secrets = {
    'the minted key': body.accessKey,
    'the key of the broker': stack.vault.pair.accessKey,
    'the JWT of the caller': stack.callerJwt,
    'the signature of the JWT': stack.callerJwt.split('.')[2],
    'the secret id of the broker': stack.vault.secretId,
  };
  for (const [name, secret] of Object.entries(secrets)) t.notOk(kept.includes(secret), name);
  t.ok(kept.includes(body.accessId), 'the access id is no secret and joins the mint with its later use');
});
