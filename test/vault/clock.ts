import type { Clock } from '../../src/mint/clock.ts';

interface Timer {
  readonly at: number;
  readonly then: () => void;
  handle: NodeJS.Timeout | undefined;
}

/** The real clock, which a test can also move on by minutes; timers that are due then run at once, in order. */
export class SkippingClock implements Clock {
  #skippedMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return Date.now() + this.#skippedMs;
  }

  monotonic(): number {
    return performance.now() + this.#skippedMs;
  }

  after(ms: number, then: () => void): () => void {
    const timer: Timer = { at: this.monotonic() + ms, then, handle: undefined };
    this.#timers.add(timer);
    this.#arm(timer);
    return () => this.#drop(timer);
  }

  /** Time until the next timer, in ms; `Infinity` without one. */
  nextTimerMs(): number {
    return Math.min(...[...this.#timers].map(({ at }) => at)) - this.monotonic();
  }

  skip(ms: number): void {
    this.#skippedMs += ms;
    const timers = [...this.#timers].sort((one, other) => one.at - other.at);
    for (const timer of timers) {
      clearTimeout(timer.handle);
      if (timer.at <= this.monotonic()) this.#run(timer);
      else this.#arm(timer);
    }
  }

  #arm(timer: Timer): void {
    timer.handle = setTimeout(() => this.#run(timer), Math.max(0, timer.at - this.monotonic()));
  }

  #run(timer: Timer): void {
    if (this.#timers.delete(timer)) timer.then();
  }

  #drop(timer: Timer): void {
    clearTimeout(timer.handle);
    this.#timers.delete(timer);
  }
}
