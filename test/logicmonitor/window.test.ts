import t from 'tap';
import type { AnswerHead } from '../../src/logicmonitor/client.ts';
import { RateWindow } from '../../src/logicmonitor/window.ts';
import { type Clock, Deadline } from '../../src/mint/clock.ts';
import { Problem } from '../../src/mint/problems.ts';

/** A clock that stands until it is moved; what is due is called in order of time. */
class HandClock implements Clock {
  #nowMs = 1_000_000;
  #timers: { at: number; then: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#nowMs + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on by `ms`; gives how many timers went off. */
  async move(ms: number): Promise<number> {
    const until = this.#nowMs + ms;
    let fired = 0;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#nowMs = Math.max(this.#nowMs, due.at);
      due.then();
      fired += 1;
      await new Promise(setImmediate);
    }
    this.#nowMs = until;
    await new Promise(setImmediate);
    return fired;
  }
}

function windowOf() {
  const clock = new HandClock();
  const warnings: unknown[] = [];
  const events = { warn: (_: string, detail: unknown) => warnings.push(detail), info: () => {} };
  const window = new RateWindow('POST', clock, events);
  const within = (ms: number) => new Deadline(clock, ms);
  /** A call from turn to end, answered so. */
  const call = async (head: AnswerHead | undefined, sent = true) => {
    await window.turn(within(0));
    window.end(window.begin(), head, sent);
  };
  /** The `Retry-After` that a turn is refused with; undefined when it is given. */
  const refusal = async (deadline: Deadline) =>
    await window.turn(deadline).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof Problem) || error.problem !== 'upstream-rate-limited') throw error;
        return error.retryAfterS;
      },
    );
  return { clock, window, within, call, refusal, warnings };
}

function head(status: number, limit?: unknown, remaining?: unknown, windowS?: unknown): AnswerHead {
  const header = (value: unknown) => (value === undefined ? undefined : String(value));
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'x-rate-limit-limit': header(limit),
      'x-rate-limit-remaining': header(remaining),
      'x-rate-limit-window': header(windowS),
    },
  };
}

t.test('an account that tells no limit gives turns at once', async (t) => {
  const { window, call, within } = windowOf();
  for (let i = 0; i < 300; i++) await call(head(200));
  await call(head(200, 'x', '-5', '0'));
  await call(head(200, '0', '0', '60'));
  await call(undefined);
  await window.turn(within(0));
  t.match(window.state(), { limit: undefined, remaining: undefined, waiting: 0, paused: false });
});

t.test('calls under way and turns given count against what remains', async (t) => {
  const { window, call, within, refusal } = windowOf();
  await call(head(200, 10, 3, 60));
  await window.turn(within(0));
  const ticket = window.begin();
  await window.turn(within(0));
  await window.turn(within(0));
  t.equal(await refusal(within(20_000)), 60, 'a fourth is told to wait for the window');
  window.end(ticket, head(200, 10, 9, 60), true);
  t.equal(window.state().remaining, 7, 'of the nine, two turns are given');
});

t.test('a wait beyond the deadline is refused at once, with a Retry-After that holds', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(429, 10, 0, 30));
  t.equal(await refusal(within(20_000)), 30);
  await clock.move(12_500);
  t.equal(await refusal(within(17_000)), 18);
  t.equal(window.state().waiting, 0);
  await clock.move(17_500);
  t.equal(await refusal(within(0)), undefined);
});

t.test('after a pause turns are given in order, and no more than the window has room for', async (t) => {
  const { clock, window, call, within } = windowOf();
  await call(head(429, 3, 0, 5));
  const order: number[] = [];
  const use = (i: number): void => {
    order.push(i);
    window.end(window.begin(), undefined, true);
  };
  for (let i = 0; i < 8; i++) window.turn(within(20_000)).then(() => use(i));
  await clock.move(4_999);
  t.strictSame(order, [], 'none during the pause');
  t.match(window.state(), { waiting: 8, paused: true, remaining: 0 });
  await clock.move(1);
  t.strictSame(order, [0, 1, 2]);
  await clock.move(4_999);
  t.strictSame(order, [0, 1, 2]);
  await clock.move(1);
  t.strictSame(order, [0, 1, 2, 3, 4, 5]);
  await clock.move(5_000);
  t.strictSame(order, [0, 1, 2, 3, 4, 5, 6, 7]);
});

t.test('a 429 that is not LM’s own JSON pauses nothing', async (t) => {
  const { window, call, refusal, within } = windowOf();
  await call({ status: 429, headers: { 'content-type': 'text/html' } });
  t.match(window.state(), { paused: false });
  t.equal(await refusal(within(2_000)), undefined);
});

t.test('a newcomer does not pass those who wait', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(429, 1, 0, 5));
  const waiting = refusal(within(20_000));
  await clock.move(1);
  t.equal(await refusal(within(6_000)), 10, 'its turn would come a window later');
  await clock.move(5_000);
  t.equal(await waiting, undefined);
  t.equal(window.state().waiting, 0);
});

t.test('a call leaves the window a window after it was over, not after it was sent', async (t) => {
  const { clock, window, call, refusal, within } = windowOf();
  await call(head(200, 2, 1, 10));
  const slow = window.begin();
  await clock.move(9_000);
  window.end(slow, undefined, true);
  await clock.move(1_000);
  t.equal(await refusal(within(60_000)), undefined, 'the first call has left it');
  t.equal(await refusal(within(2_000)), 9, 'the slow one counts for nine seconds more');
});

t.test('one whose deadline passes leaves the queue, and the others keep their order', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(200, 2, 0, 10));
  const ends: string[] = [];
  const wait = async (name: string, ms: number) => ends.push(`${name} ${await refusal(within(ms))}`);
  wait('first', 12_000);
  wait('second', 10_500);
  wait('third', 30_000);
  await clock.move(9_000);
  const probe = window.begin();
  window.end(probe, head(429, 2, 0, 10), true);
  await clock.move(3_000);
  t.strictSame(ends, ['second 9', 'first 7']);
  await clock.move(7_000);
  t.strictSame(ends, ['second 9', 'first 7', 'third undefined']);
});

t.test('our own calls leave the rolling window one by one', async (t) => {
  const { clock, call, refusal, within } = windowOf();
  await call(head(200, 3, 2, 60));
  await clock.move(10_000);
  await call(head(200, 3, 1, 60));
  await clock.move(10_000);
  await call(head(200, 3, 0, 60));
  t.equal(await refusal(within(0)), 50, 'the second call leaves first: the limit was not known at the first');
  await clock.move(50_000);
  t.equal(await refusal(within(0)), undefined);
  t.equal(await refusal(within(0)), 10);
});

t.test('odd windows on a 429 never wait less than a second, and never loop', async (t) => {
  for (const odd of ['0', '-5', 'x', '', '1.5', '99999999999', undefined]) {
    const { clock, window, call, refusal, within, warnings } = windowOf();
    await call(head(429, undefined, undefined, odd));
    t.equal(await refusal(within(20_000)), 60, `X-Rate-Limit-Window: ${odd}`);
    t.strictSame(warnings, [{ method: 'POST', waitMs: 60_000 }]);
    const given: number[] = [];
    for (let i = 0; i < 3; i++) {
      window.turn(within(90_000)).then(() => given.push(clock.now()) && window.begin());
    }
    const fired = await clock.move(62_000);
    t.strictSame(
      given.map((at) => at - 1_060_000),
      [0, 1_000, 2_000],
      'then one call a second',
    );
    t.ok(fired <= 4, `${fired} timers went off`);
  }
  const { call, refusal, within } = windowOf();
  await call(head(429, 10, 0, 1));
  t.equal(await refusal(within(999)), 1);
});

t.test('an account that told nothing with its 429 is open again when a call is answered', async (t) => {
  const { clock, window, call, within } = windowOf();
  await call(head(429));
  await clock.move(60_000);
  t.equal(window.state().remaining, 1, 'one call tries it');
  await call(head(200));
  for (let i = 0; i < 20; i++) await window.turn(within(0));
});

t.test('a late answer to an older call tells of less room, never of more', async (t) => {
  const { window, within } = windowOf();
  const tickets = [];
  for (let i = 0; i < 3; i++) {
    await window.turn(within(0));
    tickets.push(window.begin());
  }
  const [first, second, third] = tickets;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three tickets');
  window.end(third, head(200, 10, 7, 60), true);
  t.equal(window.state().remaining, 5);
  window.end(first, head(200, 10, 9, 60), true);
  t.equal(window.state().remaining, 5);
  window.end(second, head(200, 10, 3, 60), true);
  t.equal(window.state().remaining, 3);
});

t.test('a call that was not sent, and a turn that nobody used, are given back', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(200, 5, 1, 60));
  await call(undefined, false);
  t.equal(window.state().remaining, 1);
  await window.turn(within(0));
  t.equal(await refusal(within(0)), 60);
  await clock.move(5_000);
  t.equal(window.state().remaining, 1);
  await call(undefined, true);
  t.equal(window.state().remaining, 0, 'one that was sent is not');
});

t.test('what becomes free during a pause gives no turn', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(200, 5, 4, 60));
  await window.turn(within(0));
  await window.turn(within(0));
  const unsent = window.begin();
  window.end(window.begin(), head(429, 5, 0, 60), true);
  window.end(unsent, undefined, false);
  await clock.move(10_000);
  t.equal(await refusal(within(0)), 50);
});

t.test('no more than a thousand wait', async (t) => {
  const { clock, window, call, within, refusal } = windowOf();
  await call(head(429, 5_000, 0, 10));
  const given = Array.from({ length: 1_000 }, () => refusal(within(20_000)));
  t.equal(window.state().waiting, 1_000);
  t.equal(await refusal(within(20_000)), 10);
  await clock.move(10_000);
  t.strictSame(new Set(await Promise.all(given)), new Set([undefined]));
});
