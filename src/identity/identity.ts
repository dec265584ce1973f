import type { Clock } from '../mint/clock.ts';
import type { Authenticate, Events, PeerCertificate } from '../mint/ports.ts';
import { claimsOf } from './claims.ts';
import { fileKeys } from './file-keys.ts';
import { IssuerKeys } from './issuer-keys.ts';
import type { Issuer } from './issuers.ts';
import type { IssuerState, KeySource } from './key-source.ts';
import { principalOf } from './principal.ts';
import { refused } from './refusals.ts';
import { DEFAULT_SETTINGS, type IdentitySettings } from './settings.ts';
import { trustDomainOf } from './spiffe-id.ts';
import { bearerToken, parseToken, type UnverifiedToken } from './token.ts';
import { VerifiedTokens } from './verified-tokens.ts';
import { type Trusted, verifyToken } from './verify.ts';

/** What stands for the issuer, and for its alias, of callers that are known by their certificate alone. */
const MTLS = 'mtls';

/** Who calls, by the tokens of the declared issuers. */
export interface Identity {
  /**
   * Identifies the caller by its JWT, else by its client certificate. With a JWT the certificate must be good all the
   * same, and the principal names it. Only a declared issuer's token causes a fetch or a signature check, and one that was
   * verified a short while ago causes neither. Throws `unauthenticated`, and `identity-provider-unavailable` when keys are needed and cannot be had.
   */
  readonly authenticate: Authenticate;
  /**
   * Fetches the keys of every issuer, save those that were inherited, before the first caller comes. Never throws: an
   * issuer that is down is told by `state()`.
   */
  warm(): Promise<void>;
  state(): readonly IssuerState[];
  /**
   * Gives the keys of an entry, if they come from the same place in the same way, to the next identity: `close()`
   * leaves them alone from then on, while this identity goes on using them. Called by `createIdentity`.
   */
  handOver(issuer: Issuer): KeySource | undefined;
  /** Ends fetches and timers of all keys that were not handed over. Those that are known verify on. */
  close(): Promise<void>;
}

/**
 * Makes the identity of callers from a bundle's issuers. With `inherit`, the identity of the bundle before, entries
 * whose keys come from the same place take them over as they are, fetched or being fetched; no verified token is taken
 * over. The one before still serves requests that began with it, and may be closed at any time.
 */
export function createIdentity(
  issuers: readonly Issuer[],
  parts: {
    clock: Clock;
    events: Events;
    settings?: Partial<IdentitySettings>;
    inherit?: Identity;
    /** Whose a client certificate is; throws `unauthenticated` when it is not good. Without it none is. */
    certificates?: { nameOf(peer: PeerCertificate): string };
  },
): Identity {
  const settings = { ...DEFAULT_SETTINGS, ...parts.settings };
  const owned = new Set<KeySource>();
  const inherited = new Set<KeySource>();
  const trustedOf = (issuer: Issuer): Trusted => {
    const before = parts.inherit?.handOver(issuer);
    if (before !== undefined) inherited.add(before);
    const keys =
      before ??
      (issuer.keys === undefined
        ? new IssuerKeys(issuer, { ...parts, settings })
        : fileKeys(issuer, issuer.keys));
    owned.add(keys);
    return { issuer, keys };
  };
  const all = issuers.map(trustedOf);
  const verifiedTokens = new VerifiedTokens({ clock: parts.clock, settings });
  const byIssuer = new Map(all.map((trusted) => [trusted.issuer.tokenIssuer, trusted]));
  const byTrustDomain = new Map(all.map((trusted) => [trusted.issuer.trustDomain, trusted]));

  /** By `iss`; only a token without one by the trust domain of its subject. So no token could belong to two entries. */
  const trustedFor = ({ issuer, claims }: UnverifiedToken): Trusted => {
    const trustDomain = typeof claims['sub'] === 'string' ? trustDomainOf(claims['sub']) : undefined;
    if (issuer === undefined && trustDomain === undefined) throw refused('claims-malformed');
    const trusted = issuer === undefined ? byTrustDomain.get(trustDomain) : byIssuer.get(issuer);
    if (trusted === undefined) throw refused('issuer-unknown');
    return trusted;
  };

  const byToken: Authenticate = async ({ authorization, deadline }) => {
    const compact = bearerToken(authorization);
    const known = verifiedTokens.get(compact);
    if (known !== undefined) return known;
    const token = parseToken(compact);
    const trusted = trustedFor(token);
    const verified = await verifyToken(token, trusted, { clock: parts.clock, deadline });
    const { issuer, alias, claims } = trusted.issuer;
    const principal = principalOf(issuer, alias, verified.subject, claimsOf(claims, token.claims));
    verifiedTokens.keep(compact, verified, principal);
    return principal;
  };

  return {
    async authenticate(call) {
      if (call.certificate === null) return byToken(call);
      if (parts.certificates === undefined) throw refused('certificate-untrusted');
      const certificate = parts.certificates.nameOf(call.certificate);
      if (call.authorization.length > 0) return { ...(await byToken(call)), certificate };
      return principalOf(MTLS, MTLS, certificate, { authenticatedBy: 'mtls', certificate });
    },
    async warm() {
      await Promise.all(all.map(({ keys }) => (inherited.has(keys) ? undefined : keys.fetch())));
    },
    state: () => all.map(({ keys }) => keys.state()),
    handOver(issuer) {
      const same = all.find(
        ({ issuer: own, keys }) =>
          owned.has(keys) && own.keys === undefined && keyOrigin(own) === keyOrigin(issuer),
      );
      if (same === undefined) return undefined;
      owned.delete(same.keys);
      return same.keys;
    },
    async close() {
      await Promise.all([...owned].map((keys) => keys.close()));
    },
  };
}

/** All of an entry that fetching its keys, and telling of it, depends on. */
function keyOrigin(issuer: Issuer): string {
  const { alias, tokenIssuer, trustDomain, jwks, jwksTokenFile, ca, algorithms } = issuer;
  return JSON.stringify({ alias, tokenIssuer, trustDomain, jwks, jwksTokenFile, ca, algorithms });
}
