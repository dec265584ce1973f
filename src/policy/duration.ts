const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** The longest time that a bundle or a trial can speak of, in seconds: 365 days. */
export const MAX_DURATION_S = 365 * SECONDS.d;

/** What a text must be to be taken by `durationS`, as the end of a sentence. */
export const DURATION_RULE =
  'must be a whole number and one unit of s, m, h, d, such as `45m`, from `1s` to `365d`';

/** The seconds of `90s`, `45m`, `24h` or `7d`: one unit, no fraction, 1 s to 365 d; undefined for any other text. */
export function durationS(text: string): number | undefined {
  const [, count, unit] = /^([1-9][0-9]{0,7})([smhd])$/.exec(text) ?? [];
  if (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd') return undefined;
  const seconds = Number(count) * SECONDS[unit];
  return seconds <= MAX_DURATION_S ? seconds : undefined;
}
