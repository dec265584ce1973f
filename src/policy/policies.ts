import { policySetTextToParts, policyToJson, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { cedarFaults } from './cedar-faults.ts';
import { type BundleFault, faultAt, printFault } from './faults.ts';

/** One `permit` or `forbid` of a bundle. */
export interface Policy {
  /** Its `@id`, which no other policy of the bundle has. */
  readonly id: string;
  readonly file: string;
  /** Where its text begins in the file, in UTF-16 units. */
  readonly start: number;
  readonly text: string;
}

const TEXT_ANNOTATIONS = new Set(['id', 'description']);
/** Obligations are announced; a bundle that has them must not be taken for one whose obligations hold. */
const NOT_YET = new Set(['quota', 'max_ttl', 'default_ttl', 'max_live', 'require']);
const POLICY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Takes the policy files of a bundle apart and checks what Cedar does not: each policy has an `@id`, unique over all
 * files, since Cedar would drop one of two silently once they are keyed by it, and no annotation is unknown. There
 * are never fewer policies in the answer than in the files, unless there are faults.
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
      const id = checkStatement(file, text, statement, faults);
      if (id === undefined) continue;
      const start = statement.start + annotationOffset(statement.text, 'id');
      const first = byId.get(id);
      if (first === undefined) {
        byId.set(id, { id, file, ...statement });
      } else {
        const there = first.start + annotationOffset(first.text, 'id');
        const place = printFault(faultAt(first.file, texts.get(first.file) ?? '', there, '')).slice(0, -2);
        faults.push(faultAt(file, text, start, `@id("${id}") is taken by the policy at ${place}`));
      }
    }
    const whole = policySetTextToParts(text);
    if (whole.type === 'success' && whole.policies.length !== statements.length && faults.length === 0) {
      faults.push(
        faultAt(
          file,
          text,
          0,
          `Cedar finds ${whole.policies.length} policies here, not ${statements.length}`,
        ),
      );
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
  const warned = new Map(answer.validationWarnings.map((warning) => [warning.policyId, warning]));
  const found = [
    ...answer.validationErrors,
    ...[...warned.values()].filter(({ policyId }) => !faulty.has(policyId)),
  ];
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  return found.flatMap(({ policyId, error }) => {
    const policy = byId.get(policyId);
    if (policy === undefined) return [];
    const { file, start } = policy;
    return cedarFaults(file, texts.get(file) ?? '', start, [error]);
  });
}

/** `Team::"x"` and `Group::"x"` in a policy's text, its comments and strings passed over. */
const NAMED = /\/\/[^\n]*|\b(Team|Group)\s*::\s*("(?:[^"\\]|\\.)*")|"(?:[^"\\]|\\.)*"/g;

/** Teams and groups that a policy names must be declared: one that is misspelt has nobody in it, and a forbid of it forbids nothing. */
export function undeclaredNames(
  policies: readonly Policy[],
  declared: { readonly teams: readonly string[]; readonly groups: readonly string[] },
  texts: ReadonlyMap<string, string>,
): BundleFault[] {
  const known = { Team: new Set(declared.teams), Group: new Set(declared.groups) };
  return policies.flatMap(({ file, start, text }) =>
    [...text.matchAll(NAMED)].flatMap(({ 1: type, 2: literal, index }) => {
      if ((type !== 'Team' && type !== 'Group') || literal === undefined) return [];
      const name = literal.slice(1, -1);
      if (known[type].has(name)) return [];
      const reason = `entities.yaml declares no ${type.toLowerCase()} ${literal}, so nobody would be in it`;
      return [faultAt(file, texts.get(file) ?? '', start + index, reason)];
    }),
  );
}

interface Statement {
  readonly start: number;
  readonly text: string;
}

const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|\s+|@\s*[A-Za-z_]\w*|[^\s"/;@]+|./gsu;

/** Cuts a file at the semicolons that stand neither in a comment nor in a string. What follows the last is a statement too. */
function splitStatements(text: string): Statement[] {
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

/** Offset of `@name` in the text of a policy. */
function annotationOffset(text: string, name: string): number {
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token.startsWith('@') && token.slice(1).trim() === name) return index;
  }
  return 0;
}

/** The `@id` of a statement; undefined when the statement is no policy or has no usable one, which adds to `faults`. */
function checkStatement(
  file: string,
  text: string,
  statement: Statement,
  faults: BundleFault[],
): string | undefined {
  const answer = policyToJson(statement.text);
  if (answer.type === 'failure') {
    faults.push(...cedarFaults(file, text, statement.start, answer.errors));
    return undefined;
  }
  const fault = (annotation: string | undefined, reason: string) => {
    const offset = annotation === undefined ? 0 : annotationOffset(statement.text, annotation);
    faults.push(faultAt(file, text, statement.start + offset, reason));
  };
  const annotations = answer.json.annotations ?? {};
  for (const name of Object.keys(annotations)) {
    if (TEXT_ANNOTATIONS.has(name)) continue;
    fault(
      name,
      NOT_YET.has(name)
        ? `@${name} is not available yet; a policy must not promise what is not enforced`
        : `@${name} is not an annotation that the broker knows; it knows @id and @description`,
    );
  }
  if (!Object.hasOwn(annotations, 'id')) {
    fault(undefined, 'the policy has no @id("…"); decisions are recorded by it');
    return undefined;
  }
  const id: unknown = annotations['id'];
  if (typeof id === 'string' && POLICY_ID.test(id)) return id;
  fault('id', '@id must be letters, digits, `.`, `_` or `-`, at most 100, in quotes');
  return undefined;
}
