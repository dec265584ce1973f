import { z } from 'zod';

/** The LM user that a token is minted for: 1 … 2147483647 (LM's int32). */
export type AdminId = number & z.BRAND<'AdminId'>;
/** One attempt to mint: 26 characters of Crockford's base32 in lower case, 128 random bits. */
export type MintId = string & z.BRAND<'MintId'>;
/** One HTTP request: the caller's own `X-Request-Id`, when it is well formed, or ours. */
export type RequestId = string & z.BRAND<'RequestId'>;
/** One policy decision; the caller quotes it, the operator finds the whole trace by it. */
export type DecisionId = string & z.BRAND<'DecisionId'>;
/** SHA-256 of issuer URL, alias and subject together: what a principal is known by. */
export type PrincipalId = string & z.BRAND<'PrincipalId'>;

/** Fills a fresh array of that many bytes with randomness fit for secrets. */
export type RandomBytes = (count: number) => Uint8Array;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 128 random bits as 26 characters of Crockford's base32, lower case: safe in URLs, notes and file names. */
function random26(randomBytes: RandomBytes): string {
  let text = '';
  let bits = 0;
  let held = 2; // 26 digits hold 130 bits: two zeros come first
  for (const byte of randomBytes(16)) {
    bits = ((bits << 8) | byte) & 0xfff;
    held += 8;
    for (; held >= 5; held -= 5) text += ALPHABET.charAt((bits >> (held - 5)) & 31);
  }
  return text;
}

/** A new mint id. Never reused: its randomness is what ties a token in LM to one attempt of ours. */
export function newMintId(randomBytes: RandomBytes): MintId {
  return random26(randomBytes) as MintId; // brand: made here, and nowhere else
}

/** A new decision id. */
export function newDecisionId(randomBytes: RandomBytes): DecisionId {
  return random26(randomBytes) as DecisionId; // brand: made here, and nowhere else
}

/** Takes over the caller's `X-Request-Id` when it came once and is 1–128 of `A-Za-z0-9._-`; otherwise makes our own. */
export function requestIdFrom(given: readonly string[], randomBytes: RandomBytes): RequestId {
  const [only, ...more] = given;
  const usable = only !== undefined && more.length === 0 && /^[A-Za-z0-9._-]{1,128}$/.test(only);
  return (usable ? only : random26(randomBytes)) as RequestId; // brand: checked or made here
}

/** The schema of `:id`: decimal, no sign, no leading zero, ASCII digits only. */
export const adminIdSchema = z
  .string()
  .refine(
    (text) => /^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= 2_147_483_647,
    'must be a decimal integer from 1 to 2147483647, without leading zeros',
  )
  .transform((text) => Number(text) as AdminId); // brand: checked by the lines above
