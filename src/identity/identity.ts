import type { Clock } from '../mint/clock.ts';
import type { Authenticate, Events } from '../mint/ports.ts';
import { fileKeys } from './file-keys.ts';
import { IssuerKeys } from './issuer-keys.ts';
import type { Issuer } from './issuers.ts';
import type { IssuerState } from './key-source.ts';
import { principalOf } from './principal.ts';
import { refused } from './refusals.ts';
import { DEFAULT_SETTINGS, type IdentitySettings } from './settings.ts';
import { bearerToken, parseToken } from './token.ts';
import { VerifiedTokens } from './verified-tokens.ts';
import { verifyToken } from './verify.ts';

/** Who calls, by the tokens of the declared issuers. */
export interface Identity {
  /**
   * Verifies the caller's JWT. Only a declared issuer's token causes a fetch or a signature check, and one that was
   * verified a short while ago causes neither. Throws `unauthenticated`, and `identity-provider-unavailable` when keys are needed and cannot be had.
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
  const sources = issuers.map((issuer) =>
    issuer.keys === undefined
      ? new IssuerKeys(issuer, { ...parts, settings })
      : fileKeys(issuer, issuer.keys),
  );
  const verifiedTokens = new VerifiedTokens({ clock: parts.clock, settings });
  const byUrl = new Map(sources.map((source) => [source.issuer.issuer, source]));
  return {
    async authenticate({ authorization, deadline }) {
      const compact = bearerToken(authorization);
      const known = verifiedTokens.get(compact);
      if (known !== undefined) return known;
      const token = parseToken(compact);
      const source = byUrl.get(token.issuer);
      if (source === undefined) throw refused('issuer-unknown');
      const verified = await verifyToken(token, source, { clock: parts.clock, deadline });
      const principal = principalOf(source.issuer.issuer, source.issuer.alias, verified.subject);
      verifiedTokens.keep(compact, verified, principal);
      return principal;
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
