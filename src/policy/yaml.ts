import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import type { BundleFault } from './faults.ts';

/** A YAML file that was read by a schema. */
export interface ReadYaml<T> {
  /** Undefined when there are faults. */
  readonly value: T | undefined;
  readonly faults: readonly BundleFault[];
  /** A fault of what stands at `path`, for checks that look at more than this file. */
  at(path: readonly PropertyKey[], reason: string): BundleFault;
}

/**
 * Reads YAML 1.2 by a strict schema; every fault has its line. Stricter than YAML: a key that stands twice, a tag
 * and an alias are faults, so that what a reviewer reads is what the broker takes.
 */
export async function readYaml<T>(file: string, text: string, schema: z.ZodType<T>): Promise<ReadYaml<T>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faultAtOffset = (offset: number, reason: string): BundleFault => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), reason };
  };
  const at = (path: readonly PropertyKey[], reason: string) =>
    faultAtOffset(offsetOf(document, path), reason);

  // What follows a broken piece of syntax is read wrongly, so only the first of those is worth telling.
  const broken = document.errors.findIndex(({ code }) => code !== 'DUPLICATE_KEY');
  const errors = broken === -1 ? document.errors : document.errors.slice(0, broken + 1);
  const faults = [...errors, ...document.warnings].map(({ pos, code, message }) =>
    faultAtOffset(pos[0], code === 'MULTIPLE_DOCS' ? 'holds more than one document' : message),
  );
  visit(document, {
    Alias: (_key, node) => {
      faults.push(faultAtOffset(node.range?.[0] ?? 0, 'aliases are not taken; write the value out'));
    },
    // JavaScript would take it for something else than a key, and drop it without a word.
    Pair: (_key, { key }) => {
      if (isScalar(key) && key.value === '__proto__')
        faults.push(faultAtOffset(key.range?.[0] ?? 0, '`__proto__` is not a key that belongs here'));
    },
  });
  if (faults.length > 0) return { value: undefined, faults, at };

  const read = await schema.safeParseAsync(document.toJS());
  if (read.success) return { value: read.data, faults: [], at };
  const found = read.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => at([...issue.path, key], `\`${key}\` is not a key that belongs here`))
      : [at(issue.path, noMap(issue) ?? `${pathText(issue.path)}${issue.message}`)],
  );
  return { value: undefined, faults: found, at };
}

/** What is said of something that is no map: the schema's own words would be about objects. */
function noMap(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code !== 'invalid_type' || issue.expected !== 'object') return undefined;
  const entry = typeof issue.path.at(-1) === 'number' ? 'an entry of ' : '';
  return `${entry}${pathText(issue.path)}must be a map`;
}

function pathText(path: readonly PropertyKey[]): string {
  const name = path.findLast((step) => typeof step === 'string');
  return name === undefined ? '' : `\`${String(name)}\` `;
}

/** Where a path begins: a key where there is one, the last of two, else the nearest thing around it that exists. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const step = path[length - 1];
    if (isMap(parent)) {
      const pair = parent.items.findLast(({ key }) => isScalar(key) && key.value === step);
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node.range?.[0] ?? 0;
  }
  return document.contents?.range[0] ?? 0;
}
