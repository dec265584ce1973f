/** One element of DER (X.690): its tag byte, its content, and all of its bytes. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Bytes that are not DER, or not of the kind that stands there. */
export class DerFault extends Error {
  override readonly name = 'DerFault';
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

const MAX_LENGTH_BYTES = 4;

/**
 * Reads elements that follow one another, each when it is asked for: a revocation list has too many for a library that
 * makes a tree of them. Views, not copies. Throws `DerFault` at the first that is cut off or has no length of its own.
 */
export function* elements(bytes: Uint8Array): Generator<Element, void, void> {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    if ((tag & 0x1f) === 0x1f) throw new DerFault('a tag of several bytes');
    let length = bytes[at + 1] ?? 0x80;
    let start = at + 2;
    if (length >= 0x80) {
      const more = length & 0x7f;
      if (more === 0 || more > MAX_LENGTH_BYTES || start + more > bytes.length)
        throw new DerFault('no length');
      length = 0;
      for (const byte of bytes.subarray(start, start + more)) length = length * 256 + byte;
      start += more;
    }
    const end = start + length;
    if (end > bytes.length) throw new DerFault('cut off');
    yield { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) };
    at = end;
  }
}

/** The elements inside the one element that `bytes` are, which must have this tag. Throws `DerFault`. */
export function inside(bytes: Uint8Array, tag: number): Element[] {
  const [only, ...more] = elements(bytes);
  if (only === undefined || more.length > 0 || only.tag !== tag)
    throw new DerFault('another kind of element');
  return [...elements(only.content)];
}
