/** Between clocks, on `exp`, `nbf` and `iat` alike; without it tokens that were made a moment ago are refused. */
export const LEEWAY_S = 60;

/** The times of a token, in seconds since 1970 (RFC 7519, section 4.1). */
export interface TokenTimes {
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number | undefined;
}

/**
 * Whether a token that was verified before fits the clock still (or again, should the clock have been set back): to
 * the second as `jose` decides it for a token that it verifies. `maxAgeS` is in seconds, `nowMs` since 1970.
 */
export function inTime({ exp, iat, nbf }: TokenTimes, maxAgeS: number, nowMs: number): boolean {
  const now = Math.floor(nowMs / 1000);
  const age = now - iat;
  return (
    exp > now - LEEWAY_S &&
    (nbf === undefined || nbf <= now + LEEWAY_S) &&
    age - LEEWAY_S <= maxAgeS &&
    age >= -LEEWAY_S
  );
}
