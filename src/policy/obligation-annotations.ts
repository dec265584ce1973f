import {
  COUNTED_PER,
  type CountedPer,
  type Obligations,
  REQUIREMENTS,
  type Requirement,
} from '../mint/obligations.ts';
import { DURATION_RULE, durationS } from './duration.ts';

/** The annotations of a permit that ask for something in return. */
export const OBLIGATIONS = ['quota', 'max_ttl', 'default_ttl', 'max_live', 'require'] as const;
export type ObligationName = (typeof OBLIGATIONS)[number];

/** What is wrong with an annotation. */
interface AnnotationFault {
  readonly annotation: ObligationName;
  readonly reason: string;
}

const MAX_COUNT = 1_000_000;
const PER = `\`per …\` with one of ${COUNTED_PER.join(', ')}`;

/**
 * The obligations that the annotations of the permit `policy` ask for, or what is wrong with them:
 * `@quota("20 per 1h")`, `@max_live("5")`, each for every principal by itself or `per` another of `COUNTED_PER` that
 * stands at its end; `@max_ttl("8h")`, `@default_ttl("1h")`; `@require("reason, wrap")`. Null when they ask for nothing.
 */
export function readObligations(
  policy: string,
  annotations: Readonly<Record<string, unknown>>,
): { readonly obligations: Obligations | null; readonly faults: readonly AnnotationFault[] } {
  const faults: AnnotationFault[] = [];
  const read = <T>(annotation: ObligationName, rule: string, parse: (text: string) => T | undefined) => {
    if (!Object.hasOwn(annotations, annotation)) return null;
    const text = annotations[annotation];
    const value = typeof text === 'string' ? parse(text) : undefined;
    if (value === undefined) faults.push({ annotation, reason: `@${annotation} ${rule}` });
    return value ?? null;
  };

  const quota = read('quota', `must be as in \`20 per 1h\`, and may end in ${PER}`, readQuota);
  const maxTtlS = read('max_ttl', DURATION_RULE, durationS);
  const defaultTtlS = read('default_ttl', DURATION_RULE, durationS);
  const maxLive = read('max_live', `must be a number as in \`5\`, and may end in ${PER}`, readLimit);
  const require = read(
    'require',
    `must be a list with commas of ${REQUIREMENTS.join(', ')}, each once`,
    readRequirements,
  );
  if (maxTtlS !== null && defaultTtlS !== null && defaultTtlS > maxTtlS) {
    faults.push({ annotation: 'default_ttl', reason: '@default_ttl must not be above @max_ttl' });
  }
  const none = [quota, maxTtlS, defaultTtlS, maxLive, require].every((one) => one === null);
  const obligations = {
    require: require ?? [],
    maxTtlS,
    defaultTtlS,
    quotas: quota === null ? [] : [{ policy, ...quota }],
    maxLive: maxLive === null ? [] : [{ policy, ...maxLive }],
  };
  return { obligations: none ? null : obligations, faults };
}

function readQuota(text: string) {
  const [, count = '', window = '', per] = /^(\S+) per (\S+)(?: per (.+))?$/.exec(text) ?? [];
  const limit = readCount(count);
  const windowS = durationS(window);
  const counted = readPer(per);
  if (limit === undefined || windowS === undefined || counted === undefined) return undefined;
  return { limit, windowS, per: counted };
}

function readLimit(text: string) {
  const [, count = '', per] = /^(\S+)(?: per (.+))?$/.exec(text) ?? [];
  const limit = readCount(count);
  const counted = readPer(per);
  return limit === undefined || counted === undefined ? undefined : { limit, per: counted };
}

function readCount(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) return undefined;
  const count = Number(text);
  return count <= MAX_COUNT ? count : undefined;
}

function readPer(text = 'principal'): CountedPer | undefined {
  return COUNTED_PER.find((per) => per === text);
}

function readRequirements(text: string): Requirement[] | undefined {
  const words = text.split(',').map((word) => word.trim());
  const found = REQUIREMENTS.filter((requirement) => words.includes(requirement));
  return found.length === words.length ? found : undefined;
}
