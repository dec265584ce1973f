import { randomBytes as draw } from 'node:crypto';
import type { RandomBytes } from './mint/ids.ts';

const DRAWN = 4_096;
let drawn = draw(DRAWN);
let used = 0;

/**
 * The system's randomness, drawn 4 kB at a time and given out once: a draw of 16 bytes takes 2 µs, ten times what the
 * rest of an id does. It is one for the process, as the system's is.
 */
export const randomBytes: RandomBytes = (count) => {
  if (count > DRAWN) return draw(count);
  if (used + count > DRAWN) {
    drawn = draw(DRAWN);
    used = 0;
  }
  used += count;
  return drawn.subarray(used - count, used);
};
