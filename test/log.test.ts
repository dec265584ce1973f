import { createSecretKey } from 'node:crypto';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { request } from 'undici';
import { createLog, errorForLog, eventsTo } from '../src/log.ts';
import { Problem } from '../src/mint/problems.ts';
import { Secret } from '../src/mint/secret.ts';

const CANARY = 'canary-hvs.CAESIJ';

/** A log whose lines a test can look into. */
function logging(level = 'info') {
  const lines: string[] = [];
  const log = createLog(level, { write: (line: string) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') };
}

/** What HTTP libraries throw: the request with its headers hangs on the error. */
function withRequest(fault: Error): Error {
  const config = { headers: { 'X-Vault-Token': CANARY }, json: { secret_id: CANARY } };
  return Object.assign(fault, {
    code: 'ECONNREFUSED',
    config,
    request: { config },
    response: { body: CANARY },
    options: config,
    cause: Object.assign(new Error(CANARY), { config }),
    toJSON: () => ({ config }),
  });
}

t.test('of an error just type, code, message and stack are logged', async (t) => {
  const { log, last, lines } = logging();
  for (const name of ['err', 'error']) {
    log.warn({ [name]: withRequest(new TypeError('connect ECONNREFUSED')) }, 'failed');
    const logged = last()[name];
    t.strictSame(Object.keys(logged).sort(), ['code', 'message', 'stack', 'type'], name);
    t.match(logged, {
      type: 'TypeError',
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED',
      stack: /log\.test/,
    });
  }
  log.error(withRequest(new Error('alone')));
  t.match(last(), { level: 'error', err: { message: 'alone' } });
  t.notMatch(lines.join(''), CANARY);
});

t.test('the causes and parts of an error are not logged', async (t) => {
  const { log, lines } = logging();
  const cause = withRequest(new Error(CANARY));
  log.error({ err: new Error('outer', { cause }) });
  log.error({ err: new AggregateError([cause], 'several') });
  log.error({ err: new Problem('vault-unavailable', 'Vault is away.', { operatorReason: 'x' }, cause) });
  t.equal(lines.length, 3);
  t.notMatch(lines.join(''), CANARY);
});

t.test('whatever else is thrown shows its type alone', async (t) => {
  t.strictSame(errorForLog(CANARY), { type: 'string' });
  t.strictSame(errorForLog({ message: CANARY }), { type: 'object' });
  t.strictSame(errorForLog(7), { type: 'number' });
  for (const nothing of [undefined, null]) t.equal(errorForLog(nothing), undefined);
  const odd = Object.assign(new Error('x'), { code: { token: CANARY } });
  t.notMatch(JSON.stringify(errorForLog(odd)), CANARY);
});

t.test('an error’s words cannot move a cursor or begin another line', async (t) => {
  const { log, lines, last } = logging();
  log.error({ err: new Error('a\u001b[2Jb\n{"level":"info"}\u202e') });
  t.equal(lines.length, 1);
  t.equal(last().err.message, 'a\\u001b[2Jb\\u000a{"level":"info"}\\u202e');
  for (const odd of ['\u001b', '\u202e']) t.notMatch(last().err.stack, odd);
});

t.test('a secret and a key print as nothing of theirs, wherever they stand in a line', async (t) => {
  const { log, lines } = logging();
  const secret = new Secret(CANARY);
  const key = createSecretKey(CANARY, 'utf8');
  log.info({ secret, deep: [{ pair: { key, secret } }] }, 'used %s and %o', secret, { secret });
  log.child({ secret }).info('a child');
  t.equal(lines.length, 2);
  t.notMatch(lines.join(''), CANARY);
  t.match(lines[0], '[secret]');
});

t.test('what undici throws, and an answer of it, are logged without headers', async (t) => {
  const { log, lines } = logging();
  const server: Server = createServer((_, response) => response.socket?.destroy()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // `as`: it listens on a port, not on a pipe
  const headers = { authorization: `LMv1 ${CANARY}` };
  for (const url of [`http://127.0.0.1:${port}/`, 'http://127.0.0.1:1/']) {
    await request(url, { headers }).then(
      () => t.fail('an answer'),
      (err: unknown) => log.error({ err }, 'call'),
    );
  }
  t.equal(lines.length, 2);
  t.notMatch(lines.join(''), CANARY);
});

t.test('of a request only its id is logged, and of an answer nothing', async (t) => {
  const { log, last } = logging();
  log.info({ req: { id: 'r1', headers: { authorization: CANARY } }, res: { headers: CANARY } }, 'x');
  t.equal(last().req, 'r1');
  t.notOk('res' in last());
});

t.test(
  'lines are JSON with the level by name and the time in RFC 3339; less than the level is silent',
  async (t) => {
    const { log, lines, last } = logging('warn');
    log.info('not this');
    t.equal(lines.length, 0);
    log.warn({ a: 1 }, 'this');
    t.match(last(), { level: 'warn', time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, a: 1, msg: 'this' });
    t.strictSame(Object.keys(last()), ['level', 'time', 'a', 'msg']);
  },
);

t.test('what the parts tell the operator becomes a line of the log', async (t) => {
  const { log, last } = logging();
  const events = eventsTo(log);
  events.warn('Vault is away', { reason: 'timeout' });
  t.match(last(), { level: 'warn', msg: 'Vault is away', reason: 'timeout' });
  events.info('Vault is back', { version: 2 });
  t.match(last(), { level: 'info', msg: 'Vault is back', version: 2 });
});
