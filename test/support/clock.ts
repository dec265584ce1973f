import type { Clock } from '../../src/mint/clock.ts';

interface Timer {
  readonly at: number;
  readonly then: () => void;
}

/** Time that stands still until a test moves it on. */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #timers: Timer[] = [];

  /** `now`: epoch ms that the wall clock shows at first. */
  constructor(now = Date.UTC(2026, 10, 24, 12)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, then: () => void): () => void {
    const timer: Timer = { at: this.#monotonic + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** In how many ms each timer is due, soonest first. */
  due(): number[] {
    return this.#timers.map(({ at }) => at - this.#monotonic).sort((one, other) => one - other);
  }

  /**
   * Lets `ms` pass: each timer that comes due runs at its own moment, in order, those that others set meanwhile included.
   * After each, and at the end, what was promised on the way has time to happen, as far as it needs no real input or output.
   */
  async pass(ms: number): Promise<void> {
    const until = this.#monotonic + ms;
    await settle();
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#moveTo(Math.max(next.at, this.#monotonic));
      next.then();
      await settle();
    }
    this.#moveTo(until);
    await settle();
  }

  /** Steps the wall clock alone, as an operator or NTP does. */
  step(ms: number): void {
    this.#now += ms;
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic;
    this.#monotonic = monotonic;
  }
}

/** Resolves when every promise that could go on by itself has gone on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
