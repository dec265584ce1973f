/** What a caller may have to send with its request. */
export const REQUIREMENTS = ['reason', 'wrap', 'idempotency-key', 'ttl'] as const;
export type Requirement = (typeof REQUIREMENTS)[number];

/** What a count is kept for: each of these has a count of its own. */
export const COUNTED_PER = ['principal', 'principal and admin', 'team', 'admin'] as const;
export type CountedPer = (typeof COUNTED_PER)[number];

/** At most `limit` mints in any `windowS` seconds. */
interface Quota {
  /** The `@id` of the permit that asks for it. */
  readonly policy: string;
  readonly limit: number;
  readonly windowS: number;
  readonly per: CountedPer;
}

/** At most `limit` tokens that live at the same time. */
interface LiveLimit {
  /** The `@id` of the permit that asks for it. */
  readonly policy: string;
  readonly limit: number;
  readonly per: CountedPer;
}

/**
 * What the permits that allow a request ask for in return: of every permit that matches, the strictest of each kind.
 * Every quota and limit must have room. Times are in seconds; null when no permit asks for it.
 */
export interface Obligations {
  readonly require: readonly Requirement[];
  readonly maxTtlS: number | null;
  readonly defaultTtlS: number | null;
  readonly quotas: readonly Quota[];
  readonly maxLive: readonly LiveLimit[];
}
