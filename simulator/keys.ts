import { randomBytes } from 'node:crypto';

/** So many random bytes. */
export type Randomness = (bytes: number) => Uint8Array;

/** `node:crypto`'s random bytes, drawn 4 KiB at a time: single draws would be a tenth of a request's cost. */
export function drawnInBulk(): Randomness {
  let drawn = randomBytes(0);
  return (bytes) => {
    if (drawn.length < bytes) drawn = randomBytes(Math.max(bytes, 4096));
    const taken = drawn.subarray(0, bytes);
    drawn = drawn.subarray(bytes);
    return taken;
  };
}

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** The symbols that LM's published keys hold. */
const SYMBOLS = '_(~^=[]{}%+)$!-';

/** An access id like LM's example: 20 alphanumerics. */
export function newAccessId(random: Randomness): string {
  return pick(random, 20, ALPHANUMERIC);
}

/** An access key like LM's example: 40 characters, symbols among them. */
export function newKey(random: Randomness): string {
  return pick(random, 40, ALPHANUMERIC + SYMBOLS);
}

/** A bearer token: `lmb_` and a base64url text; [A] its length. */
export function newBearer(random: Randomness): string {
  return `lmb_${Buffer.from(random(48)).toString('base64url')}`;
}

/** The slight bias of the modulo does not matter for keys that guard a simulator. */
function pick(random: Randomness, length: number, alphabet: string): string {
  let text = '';
  for (const byte of random(length)) text += alphabet[byte % alphabet.length];
  return text;
}
