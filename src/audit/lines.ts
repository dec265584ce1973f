const NEWLINE = 10;

/** Fills `into` from `position`; resolves to the bytes that were there. */
export type ReadAt = (into: Uint8Array, position: number) => Promise<number>;

/**
 * Walks the whole lines of the first `size` bytes, in order, in memory of a chunk (or of the longest line). What is
 * handed to `visit` is the line without its newline, and only good until it returns. Lines end at the byte 0x0A alone:
 * node:readline would split a record at U+2028. Resolves to the bytes that the whole lines take, newlines included.
 */
export async function walkLines(
  read: ReadAt,
  size: number,
  visit: (line: Buffer) => void,
  chunkBytes = 1 << 20,
): Promise<number> {
  let buffer = Buffer.allocUnsafe(chunkBytes);
  let position = 0; // of the buffer's first byte in the file
  let kept = 0; // bytes at the front of the buffer that belong to a line not whole yet
  while (position + kept < size) {
    if (kept === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    const want = Math.min(buffer.length - kept, size - position - kept);
    const got = await read(buffer.subarray(kept, kept + want), position + kept);
    if (got === 0) break; // shorter than it was a moment ago: the caller compares sizes
    const filled = kept + got;
    let start = 0;
    for (
      let at = buffer.indexOf(NEWLINE, kept);
      at !== -1 && at < filled;
      at = buffer.indexOf(NEWLINE, start)
    ) {
      visit(buffer.subarray(start, at));
      start = at + 1;
    }
    buffer.copyWithin(0, start, filled);
    position += start;
    kept = filled - start;
  }
  return position;
}
