import { escapeUnfit } from '../mint/text.ts';

/** One thing that is wrong with a bundle: where it stands, counted from 1, and what to do about it. */
export interface BundleFault {
  /** Relative to the bundle's folder, with `/`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

const MAX_PRINTED = 50;

/** A bundle that must not be used. The message lists every fault as `file:line:column: reason`, one a line. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly faults: readonly BundleFault[];

  constructor(folder: string, faults: readonly BundleFault[]) {
    const lines = faults.slice(0, MAX_PRINTED).map((fault) => `  ${printFault(fault)}`);
    if (faults.length > MAX_PRINTED) lines.push(`  … and ${faults.length - MAX_PRINTED} more`);
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    super(`the policy bundle ${folder} has ${count}:\n${lines.join('\n')}`);
    this.faults = faults;
  }
}

/** `file:line:column: reason`, fit for a terminal: a bundle's text cannot move the cursor. */
export function printFault({ file, line, column, reason }: BundleFault): string {
  return escapeUnfit(`${file}:${line}:${column}: ${reason.replaceAll(/\s+/g, ' ')}`);
}

/** A fault at an offset (UTF-16 units) into the text of a file. */
export function faultAt(file: string, text: string, offset: number, reason: string): BundleFault {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { file, line, column: offset - before.lastIndexOf('\n'), reason };
}

/** Faults as somebody who reads the files meets them, and what is said twice of one place once. */
export function inOrder(faults: readonly BundleFault[]): BundleFault[] {
  const unlike = new Map(faults.map((fault) => [printFault(fault), fault]));
  return [...unlike.values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
