import t from 'tap';
import { startStack } from '../support/stack.ts';
import { ask, Connection, requestsOf, wire } from './connection.ts';
import { areOnRecord, isLastProblem, isProblem, type Seen } from './seen.ts';

const RECEIVE_TIMEOUT_MS = 500;
const stack = await startStack(t, { settings: { RECEIVE_TIMEOUT: `${RECEIVE_TIMEOUT_MS}ms` } });
const { url } = stack.broker;
const { path, json, good, head } = requestsOf(stack);

/** What was refused without a record of its own, and what known callers were refused. */
const counted: Seen[] = [];
const recorded: Seen[] = [];

t.test('headers of 20 kB are 431, whoever calls', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(wire({ ...good, headers: [...good.headers, ['X-Padding', 'x'.repeat(20_000)]] }));
  const requestId = await isLastProblem(t, connection, 'headers-too-large');
  counted.push({ problem: 'headers-too-large', requestId });
});

t.test('a target of 20 kB is 431 too', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(wire({ ...good, path: `/admins/${'1'.repeat(20_000)}/tokens` }));
  const requestId = await isLastProblem(t, connection, 'headers-too-large');
  counted.push({ problem: 'headers-too-large', requestId });
});

t.test('a body of 20 kB is 413, read to its end, and the connection serves on', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(wire({ ...good, body: `{"note":"${'x'.repeat(20_000)}"}` }));
  recorded.push({
    problem: 'payload-too-large',
    requestId: isProblem(t, await connection.answer(), 'payload-too-large'),
  });
  connection.write(wire(good));
  t.equal((await connection.answer()).status, 201);
});

t.test('a body of exactly 16 kB is read', async (t) => {
  const body = `{"note":"fits"${' '.repeat(16_000 - 15)}}`;
  t.equal((await ask(t, url, { ...good, body })).status, 201);
  const answer = await ask(t, url, { ...good, body: `${body} ` });
  recorded.push({ problem: 'payload-too-large', requestId: isProblem(t, answer, 'payload-too-large') });
});

t.test('a chunked body that grows beyond what is thrown away is 413, and the connection ends', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(head(['Transfer-Encoding', 'chunked']));
  const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`;
  for (let sent = 0; sent <= 1_048_576; sent += 0x8000) connection.write(chunk);
  const requestId = await isLastProblem(t, connection, 'payload-too-large');
  recorded.push({ problem: 'payload-too-large', requestId });
});

t.test('a declared body of 10 MB is 413 before a byte of it is sent', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(head(['Content-Length', '10000000']));
  recorded.push({
    problem: 'payload-too-large',
    requestId: await isLastProblem(t, connection, 'payload-too-large'),
  });
});

t.test('with Expect: 100-continue a good body is asked for, and a declared 10 MB is 413', async (t) => {
  const expect = ['Expect', '100-continue'] as const;
  const connection = await Connection.open(t, url);
  connection.write(head(expect, ['Content-Length', '2']));
  t.equal((await connection.answer()).status, 100);
  connection.write('{}');
  t.equal((await connection.answer()).status, 201);
  const large = await Connection.open(t, url);
  large.write(head(expect, ['Content-Length', '10000000']));
  let answer = await large.answer();
  if (answer.status === 100) answer = await large.answer();
  recorded.push({
    problem: 'payload-too-large',
    requestId: isProblem(t, answer, 'payload-too-large'),
  });
  t.equal(await large.rest(), '');
});

t.test('headers that never end are 408', async (t) => {
  const connection = await Connection.open(t, url);
  const begun = performance.now();
  connection.write(`POST ${path} HTTP/1.1\r\nHost: broker.test\r\nX-Slow:`);
  const requestId = await isLastProblem(t, connection, 'request-timeout');
  t.ok(performance.now() - begun >= RECEIVE_TIMEOUT_MS - 50);
  counted.push({ problem: 'request-timeout', requestId });
});

t.test('a body that never ends is 408', async (t) => {
  const connection = await Connection.open(t, url);
  const begun = performance.now();
  connection.write(head(['Content-Length', '20']));
  connection.write('{"note":');
  const requestId = await isLastProblem(t, connection, 'request-timeout');
  t.ok(performance.now() - begun >= RECEIVE_TIMEOUT_MS - 50);
  recorded.push({ problem: 'request-timeout', requestId });
});

t.test('a body that is over the limit and does not end is 413, and soon', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(head(['Transfer-Encoding', 'chunked']));
  connection.write(`8000\r\n${' '.repeat(0x8000)}\r\n`);
  recorded.push({
    problem: 'payload-too-large',
    requestId: await isLastProblem(t, connection, 'payload-too-large'),
  });
});

t.test('a body that drips is 408 all the same', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(head(['Transfer-Encoding', 'chunked']));
  const drip = setInterval(() => connection.write('1\r\n \r\n'), 50);
  t.teardown(() => clearInterval(drip));
  const answer = await connection.answer();
  clearInterval(drip);
  recorded.push({ problem: 'request-timeout', requestId: isProblem(t, answer, 'request-timeout') });
});

t.test('a caller that is not known is told at once, whatever its body does', async (t) => {
  const connection = await Connection.open(t, url);
  connection.write(wire({ path, headers: [json, ['Content-Length', '20']] }));
  const requestId = await isLastProblem(t, connection, 'unauthenticated');
  counted.push({ problem: 'unauthenticated', requestId });
});

t.test('all of it is on record: a known caller’s in a record each, the rest counted', (t) =>
  areOnRecord(t, stack, { recorded, counted }),
);
