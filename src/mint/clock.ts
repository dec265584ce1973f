/** Time, as an argument: tests hand in their own. */
export interface Clock {
  /** Wall clock, epoch milliseconds. */
  now(): number;
  /** Milliseconds that never step back; only differences mean something. */
  monotonic(): number;
  /** Calls `then` once after `ms` (at most 2^31-1) and does not keep the process alive for it; returns the way to call it off. */
  after(ms: number, then: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A point in monotonic time by which something must be over. */
export class Deadline {
  readonly #clock: Clock;
  readonly #at: number;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#at = clock.monotonic() + ms;
  }

  /** Milliseconds that are left; 0 when it has passed. */
  remainingMs(): number {
    return Math.max(0, this.#at - this.#clock.monotonic());
  }

  /** The earlier of this deadline and one in `ms` from now. */
  within(ms: number): Deadline {
    return new Deadline(this.#clock, Math.min(ms, this.remainingMs()));
  }
}
