/** How fast something may be done: `perSecond` in the long run, `burst` at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A bucket that is full at first, from which each thing that is done takes a token, and to which they come back steadily. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #countedAt: number;

  /** `now` here and below: milliseconds of a clock that never goes back. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#countedAt = now;
  }

  /** Takes a token and gives 0; when there is none, the milliseconds until there is one. */
  take(now: number): number {
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#countedAt) / 1000) * perSecond);
    this.#countedAt = now;
    if (this.#tokens < 1) return ((1 - this.#tokens) / perSecond) * 1000;
    this.#tokens -= 1;
    return 0;
  }
}
