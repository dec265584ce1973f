/** Signatures that only the issuer can make; a shared secret would let the broker, or who reads it, sign too. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** The two names of the same algorithm, which JWT-SVIDs do not use. */
export const EDWARDS: ReadonlySet<Algorithm> = new Set(['EdDSA', 'Ed25519']);
