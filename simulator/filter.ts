import { Refusal } from './envelope.ts';

/** The values a filter or a sort can look at, by LM's camelCase names. */
export type Fields = Record<string, string | number | null | readonly (string | { name: string })[]>;

type Operator = '!:' | '>:' | '<:' | '!~' | ':' | '>' | '<' | '~';
interface Term {
  field: string;
  operator: Operator;
  values: string[];
}

/** A filter as read: terms that all must hold, in groups of which one must. */
interface Filter {
  matches(fields: Fields): boolean;
  /** Every value in it, unescaped. */
  values: string[];
}

const TERM = /([A-Za-z_]\w*)(!:|>:|<:|!~|:|>|<|~)/y;
const VALUE = /"((?:[^"\\]|\\.)*)"|([^,|"]+)/y;
const NEXT = /\|\||,|\|/y;

/**
 * Reads LM's basic filter: `field op value`, with `,` for and, `||` for or, `|` between values, `*` in a value
 * as wildcard, strings in double quotes, a backslash before a special character (which clients encode twice:
 * `\%5B` is `[`). [A] "and" binds tighter than "or", comparison heeds case, `>` and `<` compare numbers.
 * @throws Refusal 400/1400 when it cannot be read; [A] LM may use 14004.
 */
export function parseFilter(text: string, known: ReadonlySet<string>): Filter {
  const groups: Term[][] = [[]];
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  const value = () => {
    const found = take(VALUE);
    if (found === null) throw malformed(text);
    return unescaped(found[1] ?? found[2] ?? '');
  };
  for (;;) {
    const [, field, operator] = take(TERM) ?? [];
    if (field === undefined || !isOperator(operator) || !known.has(field)) throw malformed(text);
    const term: Term = { field, operator, values: [value()] };
    groups.at(-1)?.push(term);
    let next = take(NEXT)?.[0];
    while (next === '|') {
      term.values.push(value());
      next = take(NEXT)?.[0];
    }
    if (next === '||') groups.push([]);
    if (next === undefined) break;
  }
  if (at !== text.length) throw malformed(text);
  return {
    matches: (fields) => groups.some((terms) => terms.every((term) => holds(term, fields[term.field]))),
    values: groups.flat().flatMap((term) => term.values),
  };
}

function malformed(text: string): Refusal {
  return new Refusal(400, `Invalid filter: ${text}`);
}

function isOperator(text: string | undefined): text is Operator {
  return text !== undefined && ['!:', '>:', '<:', '!~', ':', '>', '<', '~'].includes(text);
}

function unescaped(value: string): string {
  return value.replace(/\\(?:%([0-9A-Fa-f]{2})|(.))/gs, (_, hex: string | undefined, plain: string) =>
    hex === undefined ? plain : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function holds({ operator, values }: Term, field: Fields[string] | undefined): boolean {
  const texts =
    typeof field === 'object' && field !== null
      ? field.map((each) => (typeof each === 'string' ? each : each.name))
      : [String(field ?? '')];
  const some = (test: (text: string, value: string) => boolean) =>
    texts.some((text) => values.some((value) => test(text, value)));
  switch (operator) {
    case ':':
      return some(fits);
    case '!:':
      return !some(fits);
    case '~':
      return some((text, value) => fits(text, `*${value}*`));
    case '!~':
      return !some((text, value) => fits(text, `*${value}*`));
    case '>':
      return some((text, value) => Number(text) > Number(value));
    case '<':
      return some((text, value) => Number(text) < Number(value));
    case '>:':
      return some((text, value) => Number(text) >= Number(value));
    case '<:':
      return some((text, value) => Number(text) <= Number(value));
  }
}

/** Whether a text is the pattern, in which each `*` stands for any text. Linear, without regular expressions. */
function fits(text: string, pattern: string): boolean {
  const pieces = pattern.split('*');
  const first = pieces.shift() ?? '';
  const last = pieces.pop();
  if (last === undefined) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const piece of pieces) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
