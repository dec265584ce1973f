import type { Clock } from '../mint/clock.ts';
import type { Authenticate, Events } from '../mint/ports.ts';
import { IssuerKeys, type IssuerState } from './issuer-keys.ts';
import type { Issuer } from './issuers.ts';
import { principalOf } from './principal.ts';
import { refused } from './refusals.ts';
import { DEFAULT_SETTINGS, type IdentitySettings } from './settings.ts';
import { bearerToken, parseToken } from './token.ts';
import { verifyToken } from './verify.ts';

/** Who calls, by the tokens of the declared issuers. */
export interface Identity {
  /**
   * Verifies the caller's JWT. Only a declared issuer's token causes a fetch or a signature check. Throws
   * `unauthenticated`, and `identity-provider-unavailable` when keys are needed and cannot be had.
   */
  readonly authenticate: Authenticate;
  /** Fetches every issuer's keys before the first caller comes. Never throws: an issuer that is down is told by `state()`. */
  warm(): Promise<void>;
  state(): readonly IssuerState[];
  /** Ends fetches and timers. */
  close(): Promise<void>;
}

/** Makes the identity of callers from a bundle's issuers. */
export function createIdentity(
  issuers: readonly Issuer[],
  parts: { clock: Clock; events: Events; settings?: Partial<IdentitySettings> },
): Identity {
  const settings = { ...DEFAULT_SETTINGS, ...parts.settings };
  const sources = issuers.map((issuer) => new IssuerKeys(issuer, { ...parts, settings }));
  const byUrl = new Map(sources.map((source) => [source.issuer.issuer, source]));
  return {
    async authenticate({ authorization, deadline }) {
      const token = parseToken(bearerToken(authorization));
      const source = byUrl.get(token.issuer);
      if (source === undefined) throw refused('issuer-unknown');
      const subject = await verifyToken(token, source, { clock: parts.clock, deadline });
      return principalOf(source.issuer.issuer, source.issuer.alias, subject);
    },
    async warm() {
      await Promise.all(sources.map((source) => source.fetch()));
    },
    state: () => sources.map((source) => source.state()),
    async close() {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}
