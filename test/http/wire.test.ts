import t from 'tap';
import type { ProblemName } from '../../src/mint/problems.ts';
import { startStack, until } from '../support/stack.ts';
import { ask, Connection, requestsOf, wire } from './connection.ts';
import { areOnRecord, isLastProblem, isProblem, type Seen } from './seen.ts';

const stack = await startStack(t);
const { url } = stack.broker;
const { path, authorization, json, good, head } = requestsOf(stack);

/** What was refused without a record of its own, and what known callers were refused. */
const counted: Seen[] = [];
const recorded: Seen[] = [];

t.test('another expectation changes nothing', async (t) => {
  const answer = await ask(t, url, { ...good, headers: [...good.headers, ['Expect', 'the-unexpected']] });
  t.equal(answer.status, 201);
});

t.test('what is not HTTP is 400', async (t) => {
  const odd = [
    'GARBAGE\r\n\r\n',
    'POST\r\n\r\n',
    `BREW ${path} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET ${path} HTTP/9.9\r\nHost: x\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nX-A: a\u0000b\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}`,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    Buffer.from('160301020001000001fc0303', 'hex'), // how TLS begins
  ];
  for (const bytes of odd) {
    const connection = await Connection.open(t, url);
    connection.write(bytes);
    const requestId = await isLastProblem(t, connection, 'invalid-request');
    counted.push({ problem: 'invalid-request', requestId });
  }
});

t.test('HTTP/1.1 without a Host, or with two, is 400', async (t) => {
  for (const hosts of ['', 'Host: a\r\nHost: b\r\n']) {
    const connection = await Connection.open(t, url);
    connection.write(`GET /healthz HTTP/1.1\r\n${hosts}\r\n`);
    const answer = await connection.answer();
    counted.push({ problem: 'invalid-request', requestId: isProblem(t, answer, 'invalid-request') });
    t.strictSame(
      answer.body.errors.map(({ pointer }: { pointer: string }) => pointer),
      ['header:Host'],
    );
  }
});

t.test('HTTP/1.0 without a Host is served, and its connection ends', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(
    `POST ${path} HTTP/1.0\r\nAuthorization: ${authorization[1]}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
  );
  t.equal((await connection.answer()).status, 201);
  t.equal(await connection.rest(), '');
});

t.test('a chunked body is read, trailers and all', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(head(['Transfer-Encoding', 'chunked']));
  connection.write('a;x=y\r\n{"note":"c\r\n8\r\nhunked"}\r\n0\r\nAuthorization: Bearer x\r\n\r\n');
  const answer = await connection.answer();
  t.equal(answer.status, 201);
  t.equal(answer.body.note, 'chunked');
});

t.test('a chunk that lies about its length is refused, and nothing is minted', async (t) => {
  const before = stack.simulator.requests().length;
  const connection = await Connection.open(t, url);
  connection.write(head(['Transfer-Encoding', 'chunked']));
  connection.write('2\r\n{}!!\r\n0\r\n\r\n');
  recorded.push({
    problem: 'invalid-request',
    requestId: await isLastProblem(t, connection, 'invalid-request'),
  });
  t.equal(stack.simulator.requests().length, before);
});

t.test('a repeated Authorization is seen behind any number of other headers', async (t) => {
  const padding = Array.from({ length: 2_100 }, () => ['a', ''] as const);
  const answer = await ask(t, url, {
    ...good,
    headers: [...good.headers, ...padding, ['Authorization', 'x']],
  });
  counted.push({ problem: 'unauthenticated', requestId: isProblem(t, answer, 'unauthenticated') });
});

t.test('pipelined requests are answered in their order', async (t) => {
  const connection = await Connection.open(t, url);
  const requests = ['first', 'second', 'third'].map((note) =>
    wire({ ...good, body: JSON.stringify({ note }) }),
  );
  connection.write(Buffer.concat([...requests, wire({ method: 'GET', path: '/healthz' })]));
  for (const note of ['first', 'second', 'third']) {
    const { status, body } = await connection.answer();
    t.equal(status, 201);
    t.equal(body.note, note);
  }
  t.strictSame((await connection.answer()).body, { status: 'alive' });
});

t.test('a connection serves on after refusals that leave nothing unread', async (t) => {
  const connection = await Connection.open(t, url);
  const refused: [Parameters<typeof wire>[0], ProblemName][] = [
    [{ path, headers: [json] }, 'unauthenticated'],
    [{ ...good, body: 'no JSON' }, 'invalid-request'],
    [{ ...good, headers: [['Authorization', `Bearer ${stack.otherJwt}`], json] }, 'policy-denied'],
    [{ method: 'GET', path }, 'method-not-allowed'],
    [{ method: 'GET', path: '/nowhere' }, 'not-found'],
  ];
  for (const [request, problem] of refused) {
    connection.write(wire(request));
    const requestId = isProblem(t, await connection.answer(), problem);
    const known = problem === 'invalid-request' || problem === 'policy-denied';
    (known ? recorded : counted).push({ problem, requestId });
  }
  connection.write(wire(good));
  t.equal((await connection.answer()).status, 201);
});

t.test('HEAD is answered without a body, also where it is refused', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(
    Buffer.concat([wire({ method: 'HEAD', path }), wire({ method: 'HEAD', path: '/healthz' })]),
  );
  connection.end();
  const text = await connection.rest();
  t.match(text, /^HTTP\/1\.1 405 .*\r\nallow: POST\r\n/is);
  t.match(text, /\r\n\r\nHTTP\/1\.1 200 /);
  t.notMatch(text, /\{/);
  const [, requestId = ''] = /x-request-id: (\S+)/i.exec(text) ?? [];
  counted.push({ problem: 'method-not-allowed', requestId });
});

t.test(
  'a body that breaks off mints nothing, and is told and on record under its own request id',
  async (t) => {
    const before = stack.simulator.requests().length;
    const connection = await Connection.open(t, url);
    connection.write(head(['X-Request-Id', '00000000000000000000000000'], ['Content-Length', '20']));
    connection.write('{"note":');
    connection.end();
    const requestId = await isLastProblem(t, connection, 'invalid-request');
    t.equal(requestId, '00000000000000000000000000');
    t.equal(stack.simulator.requests().length, before);
    recorded.push({ problem: 'invalid-request', requestId });
  },
);

t.test('what is not HTTP behind a mint that is under way leaves no token without a holder', async (t) => {
  const { simulator } = stack;
  const before = simulator.requests().length;
  simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 300, times: 1 });
  const connection = await Connection.open(t, url);
  connection.write(wire(good));
  await simulator.until(() =>
    simulator
      .requests()
      .slice(before)
      .some(({ committed }) => committed),
  );
  connection.write('GARBAGE\r\n\r\n');
  const requestId = await isLastProblem(t, connection, 'invalid-request');
  counted.push({ problem: 'invalid-request', requestId });
  const [post] = simulator.requests().slice(before);
  await simulator.until(() => simulator.requests().some(({ method }) => method === 'DELETE'));
  await until(
    () => !simulator.state().tokens.some(({ id }) => id === post?.tokenId),
    'the token that nobody holds to be deleted',
  );
});

t.test('all of it is on record: a known caller’s in a record each, the rest counted', (t) =>
  areOnRecord(t, stack, { recorded, counted }),
);
