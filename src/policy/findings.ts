import {
  type DetailedError,
  type Effect,
  type PolicyJson,
  policyToJson,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { Question } from '../mint/ports.ts';
import type { Bundle } from './load.ts';
import { cedarQuestion } from './question.ts';

const SCOPE = ['principal', 'action', 'resource'] as const;

/** What one policy makes of one question, whatever the other policies say. */
export interface Finding {
  readonly id: string;
  /** Relative to the bundle's folder. */
  readonly file: string;
  readonly effect: Effect;
  /** `fails`: its condition cannot be evaluated for this question. */
  readonly outcome: 'matches' | 'scope' | 'condition' | 'fails';
  /** For `scope`: the parts of it that do not fit. */
  readonly misfits: readonly (typeof SCOPE)[number][];
  /** For `fails`: Cedar's words. */
  readonly error: string | null;
}

/**
 * Gives the function that finds out what each policy of a bundle makes of a question, in the order of the bundle.
 *
 * Cedar names only the policies that determine its decision, and leaves a permit unnamed that a forbid overrules. So
 * each policy is put to Cedar as a permit, under its own conditions: permits do not touch one another, and all that
 * match are named. Each part of its scope is put to Cedar alone in the same way, without conditions.
 *
 * Takes the place of the one before it: Cedar keeps one bundle's policies for this. Throws when Cedar does not take
 * bundle or question.
 */
export function createFindings(bundle: Bundle): (question: Question) => Finding[] {
  const policies = bundle.policies.map(({ id, file, text }) => ({ id, file, json: parsed(text) }));
  const ask = (name: string, change: (json: PolicyJson) => PolicyJson) => {
    const set = policies.map(({ id, json }) => [id, { ...change(json), effect: 'permit' }] as const);
    taken(preparsePolicySet(name, { staticPolicies: Object.fromEntries(set) }));
    return (question: Question) => matchingOf(name, bundle, question);
  };
  taken(preparseSchema('findings', bundle.schema));
  const askWhole = ask('findings', (json) => json);
  const askScope = SCOPE.map((part) => {
    const everything = { principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' } } as const;
    return {
      part,
      ask: ask(`findings ${part}`, (json) => ({
        ...json,
        ...everything,
        [part]: json[part],
        conditions: [],
      })),
    };
  });

  return (question) => {
    const whole = askWhole(question);
    const fits = askScope.map(({ part, ask }) => ({ part, fitting: ask(question).matching }));
    return policies.map(({ id, file, json }) => {
      const misfits = fits.filter(({ fitting }) => !fitting.has(id)).map(({ part }) => part);
      const error = whole.errors.get(id) ?? null;
      const unmatched = misfits.length > 0 ? 'scope' : error === null ? 'condition' : 'fails';
      const outcome = whole.matching.has(id) ? 'matches' : unmatched;
      return { id, file, effect: json.effect, outcome, misfits, error };
    });
  };
}

function parsed(text: string): PolicyJson {
  const answer = policyToJson(text);
  if (answer.type === 'failure') throw refused(answer.errors);
  return answer.json;
}

function taken(answer: ReturnType<typeof preparseSchema>): void {
  if (answer.type === 'failure') throw refused(answer.errors);
}

function refused(errors: readonly DetailedError[]): Error {
  return new Error(`Cedar: ${errors[0]?.message ?? 'refused'}`);
}

/** The policies of a set of permits that match a question, and those that cannot be evaluated for it. */
function matchingOf(
  name: string,
  bundle: Bundle,
  question: Question,
): { readonly matching: ReadonlySet<string>; readonly errors: ReadonlyMap<string, string> } {
  const answer = statefulIsAuthorized({
    ...cedarQuestion(question, bundle.memberships),
    preparsedPolicySetId: name,
    preparsedSchemaName: 'findings',
    validateRequest: true,
  });
  if (answer.type === 'failure') throw refused(answer.errors);
  const { diagnostics } = answer.response;
  return {
    matching: new Set(diagnostics.reason),
    errors: new Map(diagnostics.errors.map(({ policyId, error }) => [policyId, error.message])),
  };
}
