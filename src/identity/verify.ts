import { JWSSignatureVerificationFailed, JWTClaimValidationFailed, JWTExpired } from 'jose/errors';
import { jwtVerify } from 'jose/jwt/verify';
import type { Clock, Deadline } from '../mint/clock.ts';
import { Problem } from '../mint/problems.ts';
import type { Algorithm } from './algorithms.ts';
import type { KeySource } from './key-source.ts';
import type { VerificationKey } from './keys.ts';
import { type Refusal, refused } from './refusals.ts';
import { LEEWAY_S, type TokenTimes } from './times.ts';
import type { UnverifiedToken } from './token.ts';

const MAX_SUBJECT_UNITS = 1024;

/** A token whose signature and claims were found good, and by what. */
export interface Verified {
  /** What the issuer's `subjectClaim` holds, verbatim. */
  readonly subject: string;
  readonly keys: KeySource;
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
  keys: KeySource,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<Verified> {
  const { issuer } = keys;
  const algorithm = issuer.algorithms.find((listed) => listed === token.algorithm);
  if (algorithm === undefined) throw refused('algorithm-not-allowed');
  const { kid, times } = token;
  const verify = () => verifySignature(token, algorithm, keys, { clock, deadline });
  let outcome = await verify();
  if (outcome === 'signature-invalid' && kid === undefined && (await keys.fetchAgain(deadline))) {
    outcome = await verify();
  }
  if (typeof outcome === 'string') throw refused(outcome);
  const subject = subjectOf(token.claims[issuer.subjectClaim]);
  return { subject, keys, algorithm, kid, keyEncoding: outcome.encoding, times };
}

/** Checks signature and claims with the one key that the token asks for: that key, or why not. Throws `identity-provider-unavailable`. */
async function verifySignature(
  token: UnverifiedToken,
  algorithm: Algorithm,
  keys: KeySource,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<VerificationKey | Refusal> {
  const { issuer } = keys;
  const selected = await keys.select(algorithm, token.kid, deadline);
  if (selected === 'unavailable') throw unavailable(keys);
  if (selected === 'unknown') return 'key-unknown';
  if (selected === 'ambiguous') return 'key-ambiguous';
  try {
    await jwtVerify(token.compact, selected.key, {
      algorithms: [algorithm],
      issuer: issuer.issuer,
      audience: issuer.audience,
      requiredClaims: ['exp', 'iat'],
      maxTokenAge: issuer.maxTokenAge,
      clockTolerance: LEEWAY_S,
      currentDate: new Date(clock.now()),
    });
    return selected;
  } catch (error) {
    return refusalOf(error);
  }
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
function subjectOf(claim: unknown): string {
  const fit =
    typeof claim === 'string' && claim !== '' && claim.length <= MAX_SUBJECT_UNITS && claim.isWellFormed();
  if (!fit) throw refused('subject-unfit');
  return claim;
}
