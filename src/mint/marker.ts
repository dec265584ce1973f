import type { MintId } from './ids.ts';

const OPENING = '[lmtb:';

/** The note that LM keeps: the caller's own text, then ` [lmtb:<mint id>]`, by which a lost token is found again. */
export function markedNote(note: string, mintId: MintId): string {
  return `${note} ${OPENING}${mintId}]`;
}

/**
 * True when text could pass for a marker of ours: `[lmtb:` in any letter case or character width. Mint ids are
 * public, so a caller who may write one into a note could have another caller's token deleted.
 */
export function looksLikeMarker(text: string): boolean {
  return text.normalize('NFKC').toLowerCase().includes(OPENING);
}
