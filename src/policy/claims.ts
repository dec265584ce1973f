import type { ClaimValue, Principal } from '../mint/ports.ts';
import type { ClaimType, DeclaredClaim } from './load.ts';

const MAX_UNITS = 4096;
const MAX_ELEMENTS = 200;

/**
 * Claims that are written down by their names in Cedar, sorted as those of a token are: a declared one of another type
 * is a misfit. Those that are not declared are in neither part of the answer.
 */
export function sortClaims(
  declared: Readonly<Record<string, DeclaredClaim>>,
  given: Readonly<Record<string, unknown>>,
): Pick<Principal, 'claims' | 'misfitClaims'> {
  const claims: [string, ClaimValue][] = [];
  const misfitClaims: string[] = [];
  for (const [name, { type }] of Object.entries(declared)) {
    if (!Object.hasOwn(given, name)) continue;
    const value = FITTING[type](given[name]);
    if (value === undefined) misfitClaims.push(name);
    else claims.push([name, value]);
  }
  return { claims: Object.fromEntries(claims), misfitClaims };
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
