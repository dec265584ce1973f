import { JWSSignatureVerificationFailed, JWTClaimValidationFailed, JWTExpired } from 'jose/errors';
import { jwtVerify } from 'jose/jwt/verify';
import type { Clock, Deadline } from '../mint/clock.ts';
import { Problem } from '../mint/problems.ts';
import type { Algorithm } from './algorithms.ts';
import { headerRefusal } from './header.ts';
import type { Issuer } from './issuers.ts';
import type { KeySource } from './key-source.ts';
import type { VerificationKey } from './keys.ts';
import { type Refusal, refused } from './refusals.ts';
import { trustDomainOf } from './spiffe-id.ts';
import { LEEWAY_S, type TokenTimes } from './times.ts';
import type { UnverifiedToken } from './token.ts';

const MAX_SUBJECT_UNITS = 1024;
const MAX_TRIED_KEYS = 10;

/** An issuer's entry in force, and where its keys come from. */
export interface Trusted {
  readonly issuer: Issuer;
  readonly keys: KeySource;
}

/** A token whose signature and claims were found good, and by what. */
export interface Verified {
  /** What the issuer's `subjectClaim` holds, verbatim. */
  readonly subject: string;
  readonly trusted: Trusted;
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
  /** `encoding` of the key that verified it. */
  readonly keyEncoding: string;
  readonly times: TokenTimes;
}

/**
 * Verifies a token by the keys and rules of its issuer (RFC 8725), whatever was verified before. Throws
 * `unauthenticated` and `identity-provider-unavailable`.
 */
export async function verifyToken(
  token: UnverifiedToken,
  trusted: Trusted,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<Verified> {
  const { issuer, keys } = trusted;
  const algorithm = issuer.algorithms.find((listed) => listed === token.algorithm);
  if (algorithm === undefined) throw refused('algorithm-not-allowed');
  const unfit = headerRefusal(token.header, issuer);
  if (unfit !== undefined) throw refused(unfit);
  const { kid, times } = token;
  const verify = () => verifySignature(token, algorithm, trusted, { clock, deadline });
  let outcome = await verify();
  if (outcome === 'signature-invalid' && kid === undefined && (await keys.fetchAgain(deadline))) {
    outcome = await verify();
  }
  if (typeof outcome === 'string') throw refused(outcome);
  const subject = subjectOf(token.claims, issuer);
  return { subject, trusted, algorithm, kid, keyEncoding: outcome.encoding, times };
}

/**
 * The keys that a token is tried with, of those that its header may mean: one, or up to ten where the entry says so
 * for a token without a `kid`. A `kid` that two different keys share names neither.
 */
export function keysToTry(
  fitting: readonly VerificationKey[],
  kid: string | undefined,
  { tryAllKeys }: Issuer,
): readonly VerificationKey[] | 'key-unknown' | 'key-ambiguous' {
  if (fitting.length === 0) return 'key-unknown';
  const most = tryAllKeys && kid === undefined ? MAX_TRIED_KEYS : 1;
  return fitting.length > most ? 'key-ambiguous' : fitting;
}

/** Checks signature and claims: the key that verified it, or why none did. Throws `identity-provider-unavailable`. */
async function verifySignature(
  token: UnverifiedToken,
  algorithm: Algorithm,
  { issuer, keys }: Trusted,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<VerificationKey | Refusal> {
  const fitting = await keys.select(algorithm, token.kid, deadline);
  if (fitting === 'unavailable') throw unavailable(keys);
  const tried = keysToTry(fitting, token.kid, issuer);
  if (typeof tried === 'string') return tried;
  for (const key of tried) {
    try {
      await jwtVerify(token.compact, key.key, {
        algorithms: [algorithm],
        // One without `iss` was led here by its subject, which is looked at below.
        ...(token.issuer === undefined ? {} : { issuer: String(issuer.tokenIssuer) }),
        audience: issuer.audience,
        requiredClaims: ['exp', 'iat'],
        maxTokenAge: issuer.maxTokenAge,
        clockTolerance: LEEWAY_S,
        currentDate: new Date(clock.now()),
      });
      return key;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== 'signature-invalid') return refusal;
    }
  }
  return 'signature-invalid';
}

function unavailable(keys: KeySource): Problem {
  return new Problem(
    'identity-provider-unavailable',
    'The keys of the token’s issuer cannot be had at the moment, so the token cannot be verified.',
    { retryAfterS: keys.retryInMs() / 1000, operatorReason: keys.state().failure ?? 'deadline' },
  );
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof JWTExpired) return error.claim === 'iat' ? 'too-old' : 'expired';
  if (error instanceof JWTClaimValidationFailed) {
    if (error.claim === 'aud') return 'audience-wrong';
    return error.claim === 'nbf' || error.claim === 'iat' ? 'not-yet-valid' : 'claims-malformed';
  }
  return error instanceof JWSSignatureVerificationFailed ? 'signature-invalid' : 'token-malformed';
}

/** No other claim stands in for a subject that is missing, and nothing of it is folded, decoded or split. */
function subjectOf(claims: UnverifiedToken['claims'], { subjectClaim, trustDomain }: Issuer): string {
  const subject = Object.hasOwn(claims, subjectClaim) ? claims[subjectClaim] : undefined;
  if (typeof subject !== 'string' || subject === '') throw refused('subject-unfit');
  if (trustDomain !== undefined) {
    if (trustDomainOf(subject) !== trustDomain) throw refused('trust-domain-wrong');
  } else if (subject.length > MAX_SUBJECT_UNITS || !subject.isWellFormed()) {
    throw refused('subject-unfit');
  }
  return subject;
}
