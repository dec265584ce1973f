import type { Pair } from './ports.ts';

/** The same access id, version and key: a secret that was deleted and written anew can repeat a version. */
export function samePair(a: Pair, b: Pair): boolean {
  return a === b || (a.version === b.version && a.accessId === b.accessId && a.key.equals(b.key));
}

/** How a pair is named in logs and records: its access id is no secret. */
export function pairName({ accessId, version }: Pair): { accessId: string; version: number } {
  return { accessId, version };
}
