import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { type BundleFault, faultAt } from './faults.ts';
import type { Policy } from './policies.ts';

/**
 * Conditions on `context.ttl` in a bundle with a `@default_ttl`: they see what was asked for, and take a request that
 * gets the default for one without an end.
 */
export function ttlWarnings(policies: readonly Policy[], texts: ReadonlyMap<string, string>): BundleFault[] {
  const defaulting = policies.find(({ obligations }) => obligations && obligations.defaultTtlS !== null);
  if (defaulting === undefined) return [];
  const reason = `context.ttl is what was asked for, before the @default_ttl of ${defaulting.id}: a request that gets the default has 9007199254740991 here`;
  return policies.flatMap(({ file, start, text, json }) =>
    readsTtl(json) ? [faultAt(file, texts.get(file) ?? '', start + offsetOfTtl(text), reason)] : [],
  );
}

function readsTtl({ conditions }: PolicyJson): boolean {
  return JSON.stringify(conditions).includes('{"left":{"Var":"context"},"attr":"ttl"}');
}

/** `context.ttl` or `context["ttl"]`, comments and strings passed over. */
const TTL = /\b(context)\s*(?:\.\s*ttl\b|\[\s*"ttl"\s*\])|\/\/[^\n]*|"(?:[^"\\]|\\.)*"/gs;

function offsetOfTtl(text: string): number {
  return [...text.matchAll(TTL)].find(([, context]) => context !== undefined)?.index ?? 0;
}
