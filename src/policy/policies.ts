import {
  type Effect,
  type PolicyJson,
  policySetTextToParts,
  policyToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { Obligations } from '../mint/obligations.ts';
import { cedarFaults } from './cedar-faults.ts';
import { type BundleFault, faultAt, printFault } from './faults.ts';
import { OBLIGATIONS, readObligations } from './obligation-annotations.ts';
import { annotationOffset, type Statement, splitStatements } from './statements.ts';

/** One `permit` or `forbid` of a bundle. */
export interface Policy {
  /** Its `@id`, which no other policy of the bundle has. */
  readonly id: string;
  readonly file: string;
  /** Where its text begins in the file, in UTF-16 units. */
  readonly start: number;
  readonly text: string;
  readonly effect: Effect;
  /** The same as `text`, as Cedar takes it apart. */
  readonly json: PolicyJson;
  /** What a permit asks for in return; null when it asks for nothing, as every forbid does. */
  readonly obligations: Obligations | null;
}

const TEXT_ANNOTATIONS = ['id', 'description'] as const;
const ANNOTATIONS: readonly string[] = [...TEXT_ANNOTATIONS, ...OBLIGATIONS];
const POLICY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Takes the policy files of a bundle apart and checks what Cedar does not: each policy has an `@id`, unique over all
 * files, since Cedar would drop one of two silently once they are keyed by it; no annotation is unknown, and
 * obligations are well-formed and on permits. There are never fewer policies in the answer than in the files, unless
 * there are faults.
 */
export function parsePolicies(texts: ReadonlyMap<string, string>): {
  policies: Policy[];
  faults: BundleFault[];
} {
  const byId = new Map<string, Policy>();
  const faults: BundleFault[] = [];
  for (const [file, text] of texts) {
    const statements = splitStatements(text);
    for (const statement of statements) {
      const policy = readStatement(file, text, statement, faults);
      if (policy === undefined) continue;
      const first = byId.get(policy.id);
      if (first === undefined) {
        byId.set(policy.id, policy);
      } else {
        const there = first.start + annotationOffset(first.text, 'id');
        const place = printFault(faultAt(first.file, texts.get(first.file) ?? '', there, '')).slice(0, -2);
        const here = statement.start + annotationOffset(statement.text, 'id');
        faults.push(faultAt(file, text, here, `@id("${policy.id}") is taken by the policy at ${place}`));
      }
    }
    const whole = policySetTextToParts(text);
    if (whole.type === 'success' && whole.policies.length !== statements.length && faults.length === 0) {
      const reason = `Cedar finds ${whole.policies.length} policies here, not ${statements.length}`;
      faults.push(faultAt(file, text, 0, reason));
    }
  }
  return { policies: [...byId.values()], faults };
}

/** Checks policies against the schema, strictly. What can never match is a fault too: it does not do what its author meant. */
export function validatePolicies(
  policies: readonly Policy[],
  schema: string,
  texts: ReadonlyMap<string, string>,
): BundleFault[] {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  const answer = validate({ schema, policies: { staticPolicies }, validationSettings: { mode: 'strict' } });
  if (answer.type === 'failure') return cedarFaults('schema.cedarschema', schema, 0, answer.errors);
  const faulty = new Set(answer.validationErrors.map(({ policyId }) => policyId));
  const found = [
    ...answer.validationErrors,
    ...answer.validationWarnings.filter(({ policyId }) => !faulty.has(policyId)),
  ];
  // Cedar's own order changes from call to call.
  found.sort((a, b) => (a.error.message < b.error.message ? -1 : 1));
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const faults = new Map<string, BundleFault>();
  for (const { policyId, error } of found) {
    const policy = byId.get(policyId);
    if (policy === undefined) continue;
    const { file, start } = policy;
    for (const fault of cedarFaults(file, texts.get(file) ?? '', start, [error])) {
      // Cedar tells it again for each action that the policy may be about.
      const place = JSON.stringify([file, fault.line, fault.column]);
      if (!faults.has(place)) faults.set(place, fault);
    }
  }
  return [...faults.values()];
}

/** The policy of a statement; undefined when it is none or has no usable `@id`, which adds to `faults`. */
function readStatement(
  file: string,
  text: string,
  statement: Statement,
  faults: BundleFault[],
): Policy | undefined {
  const answer = policyToJson(statement.text);
  if (answer.type === 'failure') {
    faults.push(...cedarFaults(file, text, statement.start, answer.errors));
    return undefined;
  }
  const { json } = answer;
  const fault = (annotation: string | undefined, reason: string) => {
    const offset = annotation === undefined ? 0 : annotationOffset(statement.text, annotation);
    faults.push(faultAt(file, text, statement.start + offset, reason));
  };
  const annotations: Readonly<Record<string, unknown>> = json.annotations ?? {};
  for (const name of Object.keys(annotations)) {
    if (!ANNOTATIONS.includes(name)) {
      const known = ANNOTATIONS.map((one) => `@${one}`).join(', ');
      fault(name, `@${name} is not an annotation that the broker knows; it knows ${known}`);
    } else if (json.effect === 'forbid' && OBLIGATIONS.some((one) => one === name)) {
      fault(name, `@${name} belongs on a permit; a forbid asks for nothing in return`);
    }
  }
  if (!Object.hasOwn(annotations, 'id')) {
    fault(undefined, 'the policy has no @id("…"); decisions are recorded by it');
    return undefined;
  }
  const id = annotations['id'];
  if (typeof id !== 'string' || !POLICY_ID.test(id)) {
    fault('id', '@id must be letters, digits, `.`, `_` or `-`, at most 100, in quotes');
    return undefined;
  }
  if (!isExact(json.conditions)) {
    fault(undefined, 'the policy has an integer beyond 9007199254740991, which no question can have');
    return undefined;
  }
  const common = { id, file, ...statement, effect: json.effect, json };
  if (json.effect === 'forbid') return { ...common, obligations: null };
  const read = readObligations(id, annotations);
  for (const { annotation, reason } of read.faults) fault(annotation, reason);
  return { ...common, obligations: read.obligations };
}

/** Whether every number in it is one that JavaScript holds exactly; Cedar's have 64 bits. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
