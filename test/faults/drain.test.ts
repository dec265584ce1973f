import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import t from 'tap';
import { isProblem } from '../support/problem.ts';
import { type Answer, type Stack, startStack, until, untilStatus } from '../support/stack.ts';

/** One kept-alive connection to the broker. */
class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #stack: Stack;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  async mint(note = ''): Promise<Pick<Answer, 'status' | 'headers' | 'body'>> {
    const sent = request(`${this.#stack.broker.url}/admins/32/tokens`, {
      method: 'POST',
      agent: this.#agent,
      headers: { authorization: `Bearer ${this.#stack.callerJwt}`, 'content-type': 'application/json' },
    });
    sent.end(JSON.stringify({ note }));
    const [answer]: IncomingMessage[] = await once(sent, 'response');
    if (answer === undefined) throw new Error('a response event without a response');
    const headers = new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
    return { status: answer.statusCode ?? 0, headers, body: await json(answer) };
  }

  close(): void {
    this.#agent.destroy();
  }
}

function connectTo(t: { teardown(handler: () => void): unknown }, stack: Stack): Connection {
  const connection = new Connection(stack);
  t.teardown(() => connection.close());
  return connection;
}

/** Resolves when LM has the POST with this note. */
function reachedLm(stack: Stack, note: string): Promise<void> {
  return stack.simulator.until(() => stack.simulator.requests().some(({ body }) => body.includes(note)));
}

t.test('SIGTERM: a lead, then problems, and the end soon after the last answer', async (t) => {
  const stack = await startStack(t, { settings: { DRAIN_LEAD: '1s', DRAIN_TIMEOUT: '10s' } });
  const [one, two, idle] = [connectTo(t, stack), connectTo(t, stack), connectTo(t, stack)];
  for (const connection of [one, two, idle]) t.equal((await connection.mint()).status, 201);
  stack.simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 2_500, times: 1 });
  const inFlight = one.mint('in flight');
  await reachedLm(stack, 'in flight');

  stack.broker.signal('SIGTERM');
  await untilStatus(stack.broker.url, 503);
  t.match((await stack.get('/readyz')).body, { status: 'draining' });
  const lead = await two.mint('in the lead');
  t.equal(lead.status, 201, 'served as usual in the lead');
  t.equal(lead.headers.get('connection'), 'close');
  const fresh = await connectTo(t, stack).mint('a new connection');
  t.equal(fresh.status, 201, 'on a new connection too');
  t.equal(fresh.headers.get('connection'), 'close');

  let refused = await stack.mint(32);
  await until(async () => {
    refused = await stack.mint(32);
    return refused.status !== 201;
  }, 'the end of the lead');
  isProblem(t, refused, 'draining');
  const alsoRefused = await connectTo(t, stack).mint();
  isProblem(t, alsoRefused, 'draining');
  t.equal(alsoRefused.headers.get('connection'), 'close');
  t.equal((await stack.get('/readyz')).status, 503, 'readiness is still told');
  t.equal((await stack.get('/healthz')).status, 200);

  const last = await inFlight;
  const answeredAt = Date.now();
  t.equal(last.status, 201, 'the mint in flight ends normally');
  t.equal(last.headers.get('connection'), 'close', 'and its connection with it');
  t.equal(await stack.broker.ended, 0, 'exit 0');
  t.ok(Date.now() - answeredAt < 2_500, 'soon after the last answer, whatever connections were kept alive');

  const records = await stack.records();
  const counts = records.flatMap((record) => (record.kind === 'refusals' ? record.counts : []));
  const drained = counts
    .filter(({ cause }) => cause === 'draining')
    .reduce((sum, { count }) => sum + count, 0);
  t.equal(drained, 2, 'each one refused is counted');
  const deliveries = records.filter(({ kind }) => kind === 'delivery');
  const outcomes = records.filter(({ kind }) => kind === 'outcome');
  t.equal(deliveries.length, outcomes.length, 'every token has its delivery');
  t.match(deliveries.at(-1), { delivery: 'delivered' });
  t.match(records.at(-1), { kind: 'system', event: 'stop' }, 'the last record');
});

t.test('SIGINT skips the lead', async (t) => {
  const stack = await startStack(t, { settings: { DRAIN_LEAD: '9s' } });
  const kept = connectTo(t, stack);
  t.equal((await kept.mint()).status, 201);
  const started = Date.now();
  stack.broker.signal('SIGINT');
  t.equal(await stack.broker.ended, 0);
  t.ok(Date.now() - started < 3_000);
});

t.test('DRAIN_TIMEOUT ends it, whatever is still in flight', async (t) => {
  const stack = await startStack(t, { settings: { DRAIN_TIMEOUT: '1s' } });
  stack.simulator.faults.add({ kind: 'delayBeforeCommit', method: 'POST', ms: 6_000 });
  const inFlight = connectTo(t, stack)
    .mint('too long')
    .then(
      () => 'answered',
      () => 'cut off',
    );
  await reachedLm(stack, 'too long');
  const started = Date.now();
  stack.broker.signal('SIGTERM');
  t.equal(await stack.broker.ended, 0);
  t.ok(Date.now() - started < 3_500, 'in time');
  t.equal(await inFlight, 'cut off');
  const records = await stack.records();
  t.match(records.at(-1), { kind: 'system', event: 'stop', detail: { inFlight: 1 } }, 'the record says so');
});

t.test('More than MAX_IN_FLIGHT at once are refused', async (t) => {
  const stack = await startStack(t, { settings: { MAX_IN_FLIGHT: '2' } });
  stack.simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 700, times: 2 });
  const served = [stack.mint(32, { note: 'first' }), stack.mint(32, { note: 'second' })];
  await reachedLm(stack, 'first');
  await reachedLm(stack, 'second');
  const refused = await stack.mint(32);
  isProblem(t, refused, 'overloaded');
  t.equal((await stack.get('/readyz')).status, 200, 'operators are still answered');
  t.same(
    (await Promise.all(served)).map(({ status }) => status),
    [201, 201],
  );
  t.equal((await stack.mint(32)).status, 201, 'room again');
  await stack.broker.stop();
  const counts = (await stack.records()).flatMap((record) =>
    record.kind === 'refusals' ? record.counts : [],
  );
  t.match(counts, [{ cause: 'overloaded', network: /127/, count: 1 }]);
});
