import { readFile, stat } from 'node:fs/promises';
import { readJson } from '../mint/json.ts';
import type { Algorithm } from './algorithms.ts';
import { type VerificationKey, verificationKeys } from './keys.ts';

const MAX_BYTES = 512 * 1024;

/**
 * Reads a JWK set (RFC 7517, section 5) from a file of at most 512 kB, by the rules that hold for one that is fetched.
 * The answer is its keys, at least one, or what is wrong with it as the end of a sentence. Never throws.
 */
export async function readKeyFile(
  path: string,
  algorithms: readonly Algorithm[],
): Promise<readonly VerificationKey[] | string> {
  let bytes: Buffer;
  try {
    const { size } = await stat(path);
    if (size > MAX_BYTES) return `must be a file of at most ${MAX_BYTES} bytes`;
    bytes = await readFile(path);
  } catch {
    return 'must be an https URL, or a file that can be read';
  }
  const read = readJson(bytes);
  if (!read.ok) return 'must be a file with JSON in which no member stands twice';
  const keys = verificationKeys(read.value, algorithms);
  if (keys === undefined) return 'must be a file with a JWK set of at most 100 keys';
  return keys.length > 0 ? keys : `must be a file with a key that can verify ${algorithms.join(' or ')}`;
}
