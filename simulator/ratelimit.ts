import type { Settings } from './settings.ts';

/** What the three `X-Rate-Limit-*` headers say, and whether this request is within the limit. */
export interface RateVerdict {
  allowed: boolean;
  limit: number;
  remaining: number;
  windowSeconds: number;
}

/** Told instead of a limit when limits are lifted, so that the headers keep their shape. */
const LIFTED = 1_000_000;

/**
 * LM's rate limit: one account, counted per endpoint and method over a rolling window.
 * [A] An endpoint is the path's pattern, not the single path; refused requests do not count; requests that
 * fail authentication do.
 */
export class RateLimit {
  readonly #passed = new Map<string, number[]>();

  /** Counts a request at `now` (ms) and says whether it passes. */
  take(endpoint: string, method: string, now: number, settings: Settings): RateVerdict {
    const windowSeconds = Math.ceil(settings.windowMs / 1000);
    const limit = limitOf(method, settings);
    if (limit === 0) return { allowed: true, limit: LIFTED, remaining: LIFTED - 1, windowSeconds };
    const key = `${method} ${endpoint}`;
    const times = this.#passed.get(key) ?? [];
    const live = times.findIndex((time) => time > now - settings.windowMs);
    if (live !== 0) times.splice(0, live === -1 ? times.length : live);
    const allowed = times.length < limit;
    if (allowed) times.push(now);
    this.#passed.set(key, times);
    return { allowed, limit, remaining: Math.max(0, limit - times.length), windowSeconds };
  }

  /** Forgets what was counted. */
  clear(): void {
    this.#passed.clear();
  }
}

function limitOf(method: string, { limits }: Settings): number {
  if (limits === 'off') return 0;
  switch (method) {
    case 'POST':
    case 'PUT':
    case 'PATCH':
    case 'DELETE':
      return limits[method] === 'off' ? 0 : limits[method];
    default:
      return limits.GET === 'off' ? 0 : limits.GET;
  }
}
