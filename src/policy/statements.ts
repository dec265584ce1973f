/** What a policy file has between two semicolons. */
export interface Statement {
  /** Where it begins in the file, in UTF-16 units. */
  readonly start: number;
  readonly text: string;
}

const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|\s+|@\s*[A-Za-z_]\w*|[^\s"/;@]+|./gsu;

/** Cuts a file at the semicolons that stand neither in a comment nor in a string. What follows the last is a statement too. */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let start: number | undefined;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (start === undefined && (token.startsWith('//') || token.trim() === '')) continue;
    start ??= index;
    if (token === ';') {
      statements.push({ start, text: text.slice(start, index + 1) });
      start = undefined;
    }
  }
  if (start !== undefined) statements.push({ start, text: text.slice(start) });
  return statements;
}

/** Offset of `@name` in the text of a policy, in UTF-16 units; 0 when it has none. */
export function annotationOffset(text: string, name: string): number {
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token.startsWith('@') && token.slice(1).trim() === name) return index;
  }
  return 0;
}
