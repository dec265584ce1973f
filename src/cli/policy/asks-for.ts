import type { Obligations } from '../../mint/obligations.ts';

/** What obligations ask for, in words, one thing a line; none when it is nothing. */
export function asksFor(obligations: Obligations | null): string[] {
  if (obligations === null) return [];
  const { require, maxTtlS, defaultTtlS, quotas, maxLive } = obligations;
  return [
    ...(require.length > 0 ? [`needs ${require.join(', ')}`] : []),
    ...(maxTtlS === null ? [] : [`ttl at most ${durationText(maxTtlS)}`]),
    ...(defaultTtlS === null ? [] : [`ttl ${durationText(defaultTtlS)} by default`]),
    ...quotas.map(({ limit, windowS, per }) => `${limit} in ${durationText(windowS)} per ${per}`),
    ...maxLive.map(({ limit, per }) => `${limit} live per ${per}`),
  ];
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Seconds as bundles write them, in the largest unit that leaves no rest: 5400 is `90m`. */
function durationText(seconds: number): string {
  const [unit, size] = UNITS.find(([, size]) => seconds % size === 0) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}
