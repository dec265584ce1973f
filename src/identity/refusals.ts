import { Problem } from '../mint/problems.ts';

const UNVERIFIED = 'The token cannot be verified with the keys that its issuer publishes.';
const UNFIT = 'The token is not a signed JWT of the kind that this broker takes.';
const CERTIFICATE_REFUSED = 'The client certificate is not one that this broker accepts.';

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
  'typ-not-allowed': UNFIT,
  'issuer-unknown': 'The issuer of the token is not one that this broker trusts.',
  'algorithm-not-allowed': 'The token is not signed by an algorithm that this broker takes from its issuer.',
  'claims-malformed':
    'The token must carry `iss`, `aud`, `exp` and `iat`, each of its proper type; only a JWT-SVID may lack `iss`.',
  'key-unknown': UNVERIFIED,
  'key-ambiguous': UNVERIFIED,
  'signature-invalid': UNVERIFIED,
  'audience-wrong': 'The token is meant for another audience.',
  expired: 'The token has expired.',
  'too-old': 'The token was issued too long ago; get a new one.',
  'not-yet-valid': 'The token is not valid yet; check the clock of the machine that asked for it.',
  'trust-domain-wrong': 'The subject of the token is not a SPIFFE ID of the trust domain that it belongs to.',
  'subject-unfit': 'The token does not name a subject that this broker can take.',
  'certificate-untrusted': CERTIFICATE_REFUSED,
  'certificate-revoked': CERTIFICATE_REFUSED,
  'certificate-status-unknown': CERTIFICATE_REFUSED,
  'certificate-expired': 'The client certificate, or one of its CAs, has expired.',
  'certificate-not-yet-valid': 'The client certificate, or one of its CAs, is not valid yet.',
  'certificate-unfit':
    'The client certificate is not one for a client, or does not name it in a way that this broker takes.',
} as const;

export type Refusal = keyof typeof REFUSALS;

/** The 401 for a refusal. It carries no cause: what `jose` throws holds the token's claims. */
export function refused(refusal: Refusal): Problem {
  return new Problem('unauthenticated', REFUSALS[refusal], { operatorReason: refusal });
}
