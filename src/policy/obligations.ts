import { type Obligations, REQUIREMENTS, type Requirement } from '../mint/obligations.ts';
import { NO_TTL } from '../mint/ports.ts';
import type { DenialReason } from '../mint/problems.ts';

/** What was asked for, as far as obligations look at it. */
export interface Asked {
  readonly reason: string | undefined;
  readonly wrap: boolean;
  readonly keyed: boolean;
  /** Seconds, or `NO_TTL`. */
  readonly ttlS: number;
}

/**
 * The obligations of all permits that match a request, the strictest of each kind: the smallest ttls, whatever any of
 * them requires, and every quota and limit, since each permit has counts of its own. Null when none asks for anything.
 */
export function strictest(all: readonly Obligations[]): Obligations | null {
  if (all.length === 0) return null;
  return {
    require: REQUIREMENTS.filter((one) => all.some(({ require }) => require.includes(one))),
    maxTtlS: smallest(all.map(({ maxTtlS }) => maxTtlS)),
    defaultTtlS: smallest(all.map(({ defaultTtlS }) => defaultTtlS)),
    quotas: all.flatMap(({ quotas }) => quotas),
    maxLive: all.flatMap(({ maxLive }) => maxLive),
  };
}

function smallest(times: readonly (number | null)[]): number | null {
  const given = times.filter((time) => time !== null);
  return given.length === 0 ? null : Math.min(...given);
}

const LACKS: Readonly<Record<Requirement, (asked: Asked) => DenialReason | false>> = {
  reason: ({ reason = '' }) => reason.trim() === '' && 'reason-required',
  wrap: ({ wrap }) => !wrap && 'wrap-required',
  'idempotency-key': ({ keyed }) => !keyed && 'key-required',
  ttl: ({ ttlS }) => ttlS === NO_TTL && 'ttl-required',
};

/**
 * What a request lacks of what is asked for, the first in the order of `REQUIREMENTS`, then a ttl above the largest;
 * null when it lacks nothing. A reason of nothing but white space is none.
 */
export function unmet(obligations: Obligations, asked: Asked): DenialReason | null {
  for (const requirement of obligations.require) {
    const lack = LACKS[requirement](asked);
    if (lack) return lack;
  }
  const { maxTtlS } = obligations;
  return maxTtlS !== null && asked.ttlS !== NO_TTL && asked.ttlS > maxTtlS ? 'ttl-too-long' : null;
}

/**
 * How long a token lives, in seconds, null when it has no end: what was asked for (seconds, or `NO_TTL`), else the
 * default, else the largest ttl. A default is never above the largest, which another permit may have asked for. A ttl
 * that was asked for is not cut: above the largest it is `unmet`.
 */
export function effectiveTtl(obligations: Obligations | null, asked: number): number | null {
  if (asked !== NO_TTL) return asked;
  return smallest([obligations?.defaultTtlS ?? null, obligations?.maxTtlS ?? null]);
}
