import { createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type Algorithm, EDWARDS } from './algorithms.ts';

/** One public key of an issuer, fit to verify signatures. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** What it may be used for: of the issuer's list, and bound by the key's own `alg` when it has one. */
  readonly algorithms: ReadonlySet<Algorithm>;
  readonly key: KeyObject;
  /** The key as DER in base64: two entries with the same are one key. */
  readonly encoding: string;
}

/** What of an issuer's entry says which keys count. */
export interface KeyRules {
  readonly algorithms: readonly Algorithm[];
  readonly trustDomain?: string | undefined;
}

const MAX_KEYS = 100;
const MIN_RSA_BITS = 2048;

const setSchema = z.object({ keys: z.array(z.unknown()).max(MAX_KEYS) });
/** A key's public parameters, and what of RFC 7517, section 4, says whether it may verify; all else is ignored. */
const keySchema = z.object({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  crv: z.string().exactOptional(),
  n: z.string().exactOptional(),
  e: z.string().exactOptional(),
  x: z.string().exactOptional(),
  y: z.string().exactOptional(),
  use: z.string().optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes('verify'))
    .optional(),
  alg: z.string().optional(),
  kid: z.string().optional(),
});

/**
 * The keys of a JWK set that can verify tokens of an issuer. Keys for other purposes, and keys that cannot be read, are
 * left out and spoil nothing. `use: jwt-svid` is a purpose of trust domains (SPIFFE Trust Domain and Bundle, section
 * 4.2.2). Undefined when it is no set, or one of more than 100 keys.
 */
export function verificationKeys(document: unknown, rules: KeyRules): VerificationKey[] | undefined {
  const set = setSchema.safeParse(document);
  return set.success ? set.data.keys.flatMap((jwk) => verificationKey(jwk, rules) ?? []) : undefined;
}

function verificationKey(jwk: unknown, { algorithms, trustDomain }: KeyRules): VerificationKey | undefined {
  const parsed = keySchema.safeParse(jwk);
  if (!parsed.success) return undefined;
  const { kty, crv, alg, kid, use = 'sig' } = parsed.data;
  if (use !== 'sig' && !(use === 'jwt-svid' && trustDomain !== undefined)) return undefined;
  const usable = algorithms.filter(
    (algorithm) => (alg === undefined || alg === algorithm) && fits(algorithm, kty, crv),
  );
  if (usable.length === 0) return undefined;
  try {
    const key = createPublicKey({ key: parsed.data, format: 'jwk' });
    if (kty === 'RSA' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) return undefined;
    const encoding = key.export({ type: 'spki', format: 'der' }).toString('base64');
    return { kid, algorithms: new Set(usable), key, encoding };
  } catch {
    return undefined; // a key that cannot be read must not spoil the others
  }
}

const CURVES: Partial<Record<Algorithm, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

function fits(algorithm: Algorithm, kty: string, crv: string | undefined): boolean {
  if (EDWARDS.has(algorithm)) return kty === 'OKP' && crv === 'Ed25519';
  const curve = CURVES[algorithm];
  return curve === undefined ? kty === 'RSA' : kty === 'EC' && crv === curve;
}

/** The different keys that a token's header may mean: first what fits the algorithm, then the `kid` if it has one. */
export function fittingKeys(
  keys: readonly VerificationKey[],
  algorithm: Algorithm,
  kid: string | undefined,
): readonly VerificationKey[] {
  const fitting = keys.filter(
    (key) => key.algorithms.has(algorithm) && (kid === undefined || key.kid === kid),
  );
  return fitting.filter(
    ({ encoding }, index) => fitting.findIndex((other) => other.encoding === encoding) === index,
  );
}
