import t from 'tap';
import { asProblem, PROBLEMS, Problem, type ProblemName } from '../../src/mint/problems.ts';

/** The problem table, as callers were promised it: status, and whether `Retry-After` goes with it. */
const TABLE: Record<ProblemName, readonly [status: number, retry?: 'retry']> = {
  unauthenticated: [401],
  'identity-provider-unavailable': [503, 'retry'],
  'invalid-request': [400],
  'unsupported-media-type': [415],
  'payload-too-large': [413],
  'headers-too-large': [431],
  'request-timeout': [408],
  'too-many-requests': [429, 'retry'],
  'method-not-allowed': [405],
  'not-found': [404],
  'policy-denied': [403],
  'audit-unavailable': [503, 'retry'],
  'vault-unavailable': [503, 'retry'],
  'vault-denied': [503],
  'credential-misconfigured': [503],
  'own-admin-unknown': [503, 'retry'],
  'upstream-credential-rejected': [502],
  'upstream-forbidden': [502],
  'admin-not-found': [404],
  'upstream-conflict': [409],
  'upstream-rejected': [422],
  'upstream-rate-limited': [503, 'retry'],
  'upstream-unreachable': [502, 'retry'],
  'upstream-unavailable': [503, 'retry'],
  'upstream-protocol': [502],
  'outcome-unknown': [504, 'retry'],
  draining: [503, 'retry'],
  overloaded: [503, 'retry'],
  'internal-error': [500],
};

const names = Object.keys(PROBLEMS) as ProblemName[]; // `as`: the keys of a constant table

t.test('each problem has the status that callers were promised, and no other problem exists', async (t) => {
  t.strictSame(names.toSorted(), Object.keys(TABLE).toSorted());
  for (const name of names) t.equal(new Problem(name, 'detail').status, TABLE[name][0], name);
});

t.test('Retry-After goes with those problems that a wait may cure, and with no other', async (t) => {
  for (const name of names) {
    const given = new Problem(name, 'detail', { retryAfterS: 7 }).retryAfterS;
    t.equal(given, TABLE[name][1] === 'retry' ? 7 : undefined, name);
  }
});

t.test('Retry-After is a whole number of seconds, at least 1, and never ends too early', async (t) => {
  for (const [asked, told] of [
    [undefined, 1],
    [0, 1],
    [0.2, 1],
    [1, 1],
    [1.01, 2],
    [59.5, 60],
  ] as const) {
    const problem = new Problem('overloaded', 'detail', asked === undefined ? {} : { retryAfterS: asked });
    t.equal(problem.retryAfterS, told, String(asked));
  }
});

t.test('every problem says in a sentence what happened, and what its reader should do', async (t) => {
  for (const name of names) {
    t.match(name, /^[a-z]+(?:-[a-z]+)*$/);
    t.match(PROBLEMS[name].title, /^[A-Z].*\.$/, name);
    t.match(PROBLEMS[name].advice, /^[A-Z].*\.$/, name);
  }
  t.equal(new Set(names.map((name) => PROBLEMS[name].title)).size, names.length);
});

t.test('whatever else is thrown is a fault of our own, whose cause is not for the caller', async (t) => {
  const known = new Problem('not-found', 'no such path');
  t.equal(asProblem(known), known);
  for (const thrown of [new TypeError('key=abc'), 'key=abc', undefined, null, { message: 'key=abc' }]) {
    const problem = asProblem(thrown);
    t.equal(problem.problem, 'internal-error');
    t.equal(problem.status, 500);
    t.equal(problem.cause, thrown);
    t.notMatch(problem.message, 'abc');
    t.strictSame(problem.extras, {});
  }
});
