import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { type DeclaredEntities, serviceId } from './entities.ts';
import { type BundleFault, faultAt } from './faults.ts';
import type { Policy } from './policies.ts';

/** What is said of a name that `entities.yaml` does not declare, by its type. */
const NOBODY: ReadonlyMap<string, string> = new Map([
  ['Team', 'so nobody would be in it'],
  ['Group', 'so nobody would be in it'],
  ['Service', 'so the policy may be about nobody'],
  ['Admin', 'so the policy may be about nobody'],
]);

/** The names of one type that `entities.yaml` declares, as policies write them. */
function declaredNames(declared: DeclaredEntities): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map([
    ['Team', new Set(declared.teams)],
    ['Group', new Set(declared.groups)],
    ['Service', new Set(declared.services.map(({ issuer, subject }) => serviceId(issuer, subject)))],
    ['Admin', new Set(declared.admins.map(({ id }) => String(id)))],
  ]);
}

/**
 * Teams, groups, services and admins that a policy names, in its scope or its conditions, must be declared: one that
 * is misspelt is nobody, and a forbid of nobody forbids nothing. One fault for each name that a policy has wrong.
 */
export function undeclaredNames(
  policies: readonly Policy[],
  declared: DeclaredEntities,
  texts: ReadonlyMap<string, string>,
): BundleFault[] {
  const known = declaredNames(declared);
  return policies.flatMap(({ file, start, text, json }) =>
    namesIn(json).flatMap(({ type, id }) => {
      const nobody = NOBODY.get(type);
      if (nobody === undefined || known.get(type)?.has(id)) return [];
      const reason = `entities.yaml declares no ${type.toLowerCase()} ${JSON.stringify(id)}, ${nobody}`;
      return [faultAt(file, texts.get(file) ?? '', start + offsetOfName(text, type, id), reason)];
    }),
  );
}

/** The admins and services that policies name themselves, as `Admin::"32"`, by type and id. */
export function namedIn(policies: readonly Policy[]): { has(type: string, id: string): boolean } {
  const named = new Set(policies.flatMap(({ json }) => namesIn(json).map(keyOf)));
  return { has: (type, id) => named.has(keyOf({ type, id })) };
}

/** The entities that a policy names, each once, in the order of its text. */
function namesIn({ principal, action, resource, conditions }: PolicyJson): TypeAndId[] {
  const names = new Map<string, TypeAndId>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    // No other object of Cedar's JSON has both of these as text.
    if ('type' in value && typeof value.type === 'string' && 'id' in value && typeof value.id === 'string') {
      const { type, id } = value;
      names.set(keyOf({ type, id }), { type, id });
    } else for (const part of Object.values(value)) walk(part);
  };
  walk([principal, action, resource, conditions]);
  return [...names.values()];
}

function keyOf({ type, id }: TypeAndId): string {
  return `${type}::${id}`;
}

/** `Team::"x"` and the like in a policy's text, its comments and other strings passed over. */
const NAMED = /\/\/[^\n]*|\b([A-Za-z_]\w*)\s*::\s*"((?:[^"\\]|\\.)*)"|"(?:[^"\\]|\\.)*"/gs;

/** Where a policy's text names an entity, in UTF-16 units; 0 when it is written in a way that is not found. */
function offsetOfName(text: string, type: string, id: string): number {
  for (const { 1: named, 2: literal, index } of text.matchAll(NAMED)) {
    if (named === type && literal !== undefined && unescaped(literal) === id) return index;
  }
  return 0;
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', 0: '\0' };

/** What a string literal of Cedar's stands for, its quotes left out. */
function unescaped(literal: string): string {
  return literal.replace(
    /\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|(.))/gs,
    (_, unicode?: string, byte?: string, char = '') => {
      const hex = unicode ?? byte;
      return hex === undefined ? (ESCAPED[char] ?? char) : String.fromCodePoint(Number.parseInt(hex, 16));
    },
  );
}
