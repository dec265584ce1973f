import { createHash } from 'node:crypto';
import type { Clock } from '../mint/clock.ts';
import type { Principal } from '../mint/ports.ts';
import type { IdentitySettings } from './settings.ts';
import { inTime } from './times.ts';
import { keysToTry, type Verified } from './verify.ts';

interface Kept {
  readonly principal: Principal;
  readonly verified: Verified;
  /** By the monotonic clock. */
  readonly verifiedAt: number;
}

/**
 * Tokens whose signature was verified a short while ago, by the SHA-256 of their compact form, which itself is not
 * kept. One answers for its token only while verifying it anew would come to the same: its times fit the clock, and
 * its issuer's keys still have the same key for its header. It is forgotten `verifiedForMs` after it was verified,
 * and of more than `verifiedTokens` the oldest goes.
 */
export class VerifiedTokens {
  readonly #clock: Clock;
  readonly #settings: IdentitySettings;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: { clock: Clock; settings: IdentitySettings }) {
    this.#clock = parts.clock;
    this.#settings = parts.settings;
  }

  /** Whose token it is; undefined when it must be verified, be it to learn why it is refused by now. */
  get(compact: string): Principal | undefined {
    const hash = hashOf(compact);
    const kept = this.#kept.get(hash);
    if (kept === undefined) return undefined;
    if (this.#holds(kept)) return kept.principal;
    this.#kept.delete(hash);
    return undefined;
  }

  keep(compact: string, verified: Verified, principal: Principal): void {
    const hash = hashOf(compact);
    this.#kept.delete(hash); // so that it stands last, as the newest
    this.#kept.set(hash, { principal, verified, verifiedAt: this.#clock.monotonic() });
    if (this.#kept.size <= this.#settings.verifiedTokens) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  #holds({ verified, verifiedAt }: Kept): boolean {
    if (this.#clock.monotonic() - verifiedAt >= this.#settings.verifiedForMs) return false;
    const { trusted, algorithm, kid, keyEncoding, times } = verified;
    if (!inTime(times, trusted.issuer.maxTokenAge, this.#clock.now())) return false;
    const keys = keysToTry(trusted.keys.known(algorithm, kid), kid, trusted.issuer);
    return typeof keys !== 'string' && keys.some(({ encoding }) => encoding === keyEncoding);
  }
}

function hashOf(compact: string): string {
  return createHash('sha256').update(compact).digest('base64');
}
