/** Controls (C0, DEL, C1), line and paragraph separators, and the characters that reorder text on a screen. */
const UNFIT =
  '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069';

/** Matches text without any of them. It is also the `pattern` that callers read in the OpenAPI document. */
export const PLAIN_TEXT = new RegExp(`^[^${UNFIT}]*$`);
const EACH_UNFIT = new RegExp(`[${UNFIT}]`, 'g');

/**
 * Text that others wrote, made fit for a terminal or a log line: each unfit character and each lone surrogate is
 * shown as its `\u` escape, so it can neither move the cursor nor reorder what stands around it.
 */
export function escapeUnfit(text: string): string {
  return text.replace(EACH_UNFIT, escapeUnit).replace(/\p{Surrogate}/gu, escapeUnit);
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
