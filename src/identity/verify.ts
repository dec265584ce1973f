import { JWSSignatureVerificationFailed, JWTClaimValidationFailed, JWTExpired } from 'jose/errors';
import { jwtVerify } from 'jose/jwt/verify';
import type { Clock, Deadline } from '../mint/clock.ts';
import { Problem } from '../mint/problems.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { Algorithm } from './issuers.ts';
import { type Refusal, refused } from './refusals.ts';
import type { UnverifiedToken } from './token.ts';

/** Between clocks, on `exp`, `nbf` and `iat` alike; without it tokens that were made a moment ago are refused. */
const LEEWAY_S = 60;
const MAX_SUBJECT_UNITS = 1024;

/**
 * Verifies a token by the keys and rules of its issuer (RFC 8725), and gives its subject, verbatim.
 * Throws `unauthenticated` and `identity-provider-unavailable`.
 */
export async function verifyToken(
  token: UnverifiedToken,
  keys: IssuerKeys,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<string> {
  const { issuer } = keys;
  const algorithm = issuer.algorithms.find((listed) => listed === token.algorithm);
  if (algorithm === undefined) throw refused('algorithm-not-allowed');
  const verified = () => verifySignature(token, algorithm, keys, { clock, deadline });
  let refusal = await verified();
  if (refusal === 'signature-invalid' && token.kid === undefined && (await keys.fetchAgain(deadline))) {
    refusal = await verified();
  }
  if (refusal !== undefined) throw refused(refusal);
  return subjectOf(token.claims['sub']);
}

/** Checks signature and claims with the one key that the token asks for; why not, if not. Throws `identity-provider-unavailable`. */
async function verifySignature(
  token: UnverifiedToken,
  algorithm: Algorithm,
  keys: IssuerKeys,
  { clock, deadline }: { clock: Clock; deadline: Deadline },
): Promise<Refusal | undefined> {
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
    return undefined;
  } catch (error) {
    return refusalOf(error);
  }
}

function unavailable(keys: IssuerKeys): Problem {
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
