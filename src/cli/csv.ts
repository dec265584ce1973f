import { escapeUnfit } from '../mint/text.ts';

/** What a spreadsheet would take for the beginning of a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * One record of a CSV file by RFC 4180, without the line feed that ends it: that is the caller's, and the carriage
 * return before it is here. A cell that a spreadsheet would take for a formula gets an apostrophe before it; what a
 * terminal might obey, line breaks too, stands as its `\u` escape.
 */
export function csvRecord(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r`;
}

function csvCell(text: string): string {
  const harmless = escapeUnfit(FORMULA.test(text) ? `'${text}` : text);
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
