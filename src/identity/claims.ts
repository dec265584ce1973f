import type { ClaimValue, Principal } from '../mint/ports.ts';

/** Cedar's names of the types that a claim may be declared with. */
export const CLAIM_TYPES = ['String', 'Long', 'Bool', 'Set<String>'] as const;
export type ClaimType = (typeof CLAIM_TYPES)[number];

/** A claim that policy may read. */
export interface DeclaredClaim {
  readonly type: ClaimType;
  /** The members that lead to it from the top of the token's claims; a name with a dot or a slash is one name. */
  readonly from: readonly string[];
}

const MAX_UNITS = 4096;
const MAX_ELEMENTS = 200;

/**
 * Takes the declared claims out of a token's claims, and nothing else. One that the token lacks is in neither part of
 * the answer; one of another type, `null` included, is a misfit, and so is one below something that is no object.
 * Every value is plain: text is well-formed and at most 4096 units, a set holds at most 200 of those, and a number is
 * an integer that JSON and Cedar both hold exactly. So none of it can become an entity, or a fault, in Cedar.
 */
export function claimsOf(
  declared: Readonly<Record<string, DeclaredClaim>>,
  tokenClaims: Readonly<Record<string, unknown>>,
): Pick<Principal, 'claims' | 'misfitClaims'> {
  const claims: [string, ClaimValue][] = [];
  const misfitClaims: string[] = [];
  for (const [name, { type, from }] of Object.entries(declared)) {
    const found = memberAt(tokenClaims, from);
    if (found === 'absent') continue;
    const value = found === 'misfit' ? undefined : FITTING[type](found.value);
    if (value === undefined) misfitClaims.push(name);
    else claims.push([name, value]);
  }
  return { claims: Object.fromEntries(claims), misfitClaims };
}

/** Own members only, or `constructor` would be in every token. */
function memberAt(
  tokenClaims: unknown,
  path: readonly string[],
): { readonly value: unknown } | 'absent' | 'misfit' {
  let value = tokenClaims;
  for (const name of path) {
    if (!isObject(value)) return 'misfit';
    if (!Object.hasOwn(value, name)) return 'absent';
    value = value[name];
  }
  return { value };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as policy gets it; undefined when it is not of the type. */
const FITTING: Readonly<Record<ClaimType, (value: unknown) => ClaimValue | undefined>> = {
  String: (value) => (isPlainText(value) ? value : undefined),
  // Zero is added since JSON's `-0` is the integer 0.
  Long: (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value + 0 : undefined),
  Bool: (value) => (typeof value === 'boolean' ? value : undefined),
  'Set<String>': (value) =>
    Array.isArray(value) && value.length <= MAX_ELEMENTS && value.every(isPlainText) ? value : undefined,
};

function isPlainText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_UNITS && value.isWellFormed();
}
