import { Problem } from '../mint/problems.ts';

const UNVERIFIED = 'The token cannot be verified with the keys that its issuer publishes.';
const UNFIT = 'The token is not a signed JWT of the kind that this broker takes.';

/**
 * Why a caller is not identified: a stable code for the operator, and the sentence that the caller reads. Before a
 * signature is verified a sentence tells nothing that the sender does not know; why a signature does not fit is for
 * the operator alone.
 */
const REFUSALS = {
  'no-credentials': 'Send `Authorization: Bearer <JWT>`.',
  'several-credentials': 'Send one `Authorization` header, not several.',
  'not-bearer': 'Send `Authorization: Bearer <JWT>`; no other scheme is taken.',
  'token-too-large': 'The token is too large; at most 12 kB are taken.',
  'token-malformed': UNFIT,
  'header-unfit': UNFIT,
  'issuer-unknown': 'The issuer of the token is not one that this broker trusts.',
  'algorithm-not-allowed': 'The token is not signed by an algorithm that this broker takes from its issuer.',
  'claims-malformed': 'The token must carry `iss`, `aud`, `exp` and `iat`, each of its proper type.',
  'key-unknown': UNVERIFIED,
  'key-ambiguous': UNVERIFIED,
  'signature-invalid': UNVERIFIED,
  'audience-wrong': 'The token is meant for another audience.',
  expired: 'The token has expired.',
  'too-old': 'The token was issued too long ago; get a new one.',
  'not-yet-valid': 'The token is not valid yet; check the clock of the machine that asked for it.',
  'subject-unfit': 'The token does not name a subject that this broker can take.',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** The 401 for a refusal. It carries no cause: what `jose` throws holds the token's claims. */
export function refused(refusal: Refusal): Problem {
  return new Problem('unauthenticated', REFUSALS[refusal], { operatorReason: refusal });
}
