import type { Clock, Deadline } from '../mint/clock.ts';

/** What `promise` comes to, or what `late` throws once the deadline has passed. The promise itself goes on. */
export function within<T>(
  promise: Promise<T>,
  clock: Clock,
  deadline: Deadline,
  late: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const callOff = clock.after(deadline.remainingMs(), () => reject(late()));
    promise.then(resolve, reject).finally(callOff);
  });
}

/** Resolves after `ms`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

const FIRST_MS = 5_000;
const LONGEST_MS = 60_000;

/** Keeps something that was refused from being tried over and over: 5 s the first time, then twice as long, at most 60 s. */
export class CoolDown {
  readonly #clock: Clock;
  #lengthMs = 0;
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isOver(): boolean {
    return this.#clock.monotonic() >= this.#until;
  }

  begin(): void {
    this.#lengthMs = Math.min(LONGEST_MS, Math.max(FIRST_MS, this.#lengthMs * 2));
    this.#until = this.#clock.monotonic() + this.#lengthMs;
  }

  /** It worked: nothing to wait for, and the next one is short again. */
  reset(): void {
    this.#lengthMs = 0;
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
