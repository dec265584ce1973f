import { readJson } from '../mint/json.ts';
import { type KeyRules, type VerificationKey, verificationKeys } from './keys.ts';

/**
 * The keys of a JWK set (RFC 7517, section 5) that stands in a file, by the rules that hold for one that is fetched;
 * at least one, or what is wrong with it as the end of a sentence.
 */
export function keysOfFile(bytes: Uint8Array, rules: KeyRules): readonly VerificationKey[] | string {
  const read = readJson(bytes);
  if (!read.ok) return 'must be a file with JSON in which no member stands twice';
  const keys = verificationKeys(read.value, rules);
  if (keys === undefined) return 'must be a file with a JWK set of at most 100 keys';
  return keys.length > 0
    ? keys
    : `must be a file with a key that can verify ${rules.algorithms.join(' or ')}`;
}
