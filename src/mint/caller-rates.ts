import type { Clock } from './clock.ts';
import type { PrincipalId } from './ids.ts';
import { Problem } from './problems.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** How many callers are remembered; of more, the one that asked longest ago is forgotten, whose bucket is the fullest. */
const MAX_CALLERS = 10_000;

/** One caller's share: how often each principal may ask, wherever its requests come from. */
export class CallerRates {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** The one that asked last stands last. */
  readonly #buckets = new Map<PrincipalId, TokenBucket>();

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Counts one request. Throws `too-many-requests` when the caller has had its share, and counts no further. */
  take({ id }: { readonly id: PrincipalId }): void {
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(id) ?? new TokenBucket(this.#rate, now);
    this.#buckets.delete(id);
    this.#buckets.set(id, bucket);
    if (this.#buckets.size > MAX_CALLERS) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    const waitMs = bucket.take(now);
    if (waitMs === 0) return;
    const { perSecond, burst } = this.#rate;
    throw new Problem(
      'too-many-requests',
      `One caller may make ${perSecond} requests a second, and ${burst} at once.`,
      { retryAfterS: waitMs / 1000 },
    );
  }
}
