import { type KeyObject, verify } from 'node:crypto';

/** Signature algorithms of certificates and revocation lists that count, by OID, with their hash. SHA-1 does not. */
const HASHES: ReadonlyMap<string, string | null> = new Map([
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['1.3.101.112', null],
]);
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const LEAST_RSA_BITS = 2048;

/** Whether a signature by this algorithm is good enough. */
export function isFitSignature(oid: string): boolean {
  return HASHES.has(oid);
}

/** Whether a key is strong enough, and of a kind that is taken: RSA from 2048 bits, P-256, P-384, P-521, Ed25519. */
export function isFitKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_RSA_BITS;
  if (asymmetricKeyType === 'ec') return CURVES.includes(asymmetricKeyDetails?.namedCurve ?? '');
  return asymmetricKeyType === 'ed25519';
}

/** Whether `key` made this signature over `data`; false also when the key is of another kind than the algorithm. */
export function isSignedBy(key: KeyObject, oid: string, data: Uint8Array, signature: Uint8Array): boolean {
  const hash = HASHES.get(oid);
  if (hash === undefined) return false;
  try {
    return verify(hash, data, key, signature);
  } catch {
    return false;
  }
}
