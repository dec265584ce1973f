const DAY_MS = 86_400_000;

const two = (value: number) => String(value).padStart(2, '0');

/** The day that was asked for last, and how its times begin. */
let latest = { day: Number.NaN, begins: '' };

/**
 * Epoch milliseconds in RFC 3339, UTC, as `toISOString` writes them, at an eighth of its time, which is a fifth of that
 * of a decision: the day is mostly the one of the time before. Throws as that does.
 */
export function isoTime(now: number): string {
  const day = Math.floor(now / DAY_MS);
  if (day !== latest.day)
    latest = { day, begins: new Date(now).toISOString().slice(0, -'00:00:00.000Z'.length) };
  const ms = Math.trunc(now - day * DAY_MS);
  const seconds = Math.floor(ms / 1_000);
  const clock = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${latest.begins}${clock}.${String(ms % 1_000).padStart(3, '0')}Z`;
}
