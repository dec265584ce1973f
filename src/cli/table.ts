import { escapeUnfit } from '../mint/text.ts';

/** A column: its title, and what a terminal may be told before and after what stands in it. */
export interface Column {
  readonly title: string;
  readonly paint?: (text: string) => string;
}

/** What stands in one column of one row, a line each. */
export type Cell = readonly string[];

const GAP = '  ';
/** No column is made narrower than this. */
const MIN_WIDTH = 12;
const HANGING = '  ';
const BREAK_AFTER = ['-', ':', '/'];

/**
 * A table as lines: columns aligned, two spaces between them, and nothing that a terminal might obey. With a `width`
 * (columns of the terminal) the widest columns are made narrower and their text is broken, so that it fits; nothing
 * is ever cut off.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  const titles = columns.map(({ title }) => [title]);
  const cells = [titles, ...rows].map((row) => row.map((cell) => cell.map(escapeUnfit)));
  const wanted = columns.map((_, at) => Math.max(...cells.flatMap((row) => (row[at] ?? []).map(lengthOf))));
  const widths = narrowed(wanted, width - GAP.length * (columns.length - 1));
  return cells.flatMap((row, index) => {
    const broken = row.map((cell, at) => cell.flatMap((line) => brokenAt(line, widths[at] ?? 0)));
    const height = Math.max(1, ...broken.map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) => {
      const last = broken.findLastIndex((lines) => (lines[line] ?? '') !== '');
      const parts = columns.slice(0, last + 1).map(({ paint = (text) => text }, at) => {
        const text = broken[at]?.[line] ?? '';
        const space = at === last ? '' : ' '.repeat(Math.max(0, (widths[at] ?? 0) - lengthOf(text)));
        return (index === 0 ? text : paint(text)) + space;
      });
      return parts.join(GAP);
    });
  });
}

/** Widths that add up to at most `room`, or as near as `MIN_WIDTH` lets them: the widest give way first. */
function narrowed(wanted: readonly number[], room: number): number[] {
  const sum = (most: number) => wanted.reduce((total, width) => total + Math.min(width, most), 0);
  let most = Math.max(...wanted);
  while (most > MIN_WIDTH && sum(most) > room) most--;
  return wanted.map((width) => Math.min(width, most));
}

/** A line in pieces of at most `width`, broken between words or parts of names; all but the first are indented. */
function brokenAt(line: string, width: number): string[] {
  const pieces: string[] = [];
  let rest = [...line];
  while (rest.length > width) {
    const indent = pieces.length === 0 ? 0 : HANGING.length;
    let end = width;
    while (end > indent && rest[end] !== ' ' && !BREAK_AFTER.includes(rest[end - 1] ?? '')) end--;
    if (end === indent) end = width;
    pieces.push(rest.slice(0, end).join('').trimEnd());
    rest = [...`${HANGING}${rest.slice(end).join('').trimStart()}`];
  }
  return [...pieces, rest.join('')];
}

/** In columns of the terminal, for text whose characters take one each. */
function lengthOf(text: string): number {
  return [...text].length;
}
