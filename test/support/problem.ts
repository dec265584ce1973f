import type { Test } from 'tap';
import type { Answer } from './stack.ts';

/** The problem table, written down once more: the status of each problem, and whether `Retry-After` comes with it. */
const TABLE = {
  unauthenticated: [401, false],
  'invalid-request': [400, false],
  'policy-denied': [403, false],
  'audit-unavailable': [503, true],
  'vault-unavailable': [503, true],
  'vault-denied': [503, false],
  'credential-misconfigured': [503, false],
  'own-admin-unknown': [503, true],
  'upstream-credential-rejected': [502, false],
  'upstream-forbidden': [502, false],
  'admin-not-found': [404, false],
  'upstream-conflict': [409, false],
  'upstream-rejected': [422, false],
  'upstream-rate-limited': [503, true],
  'upstream-unreachable': [502, true],
  'upstream-unavailable': [503, true],
  'upstream-protocol': [502, false],
  'outcome-unknown': [504, true],
  draining: [503, true],
  overloaded: [503, true],
} as const satisfies Record<string, readonly [status: number, retry: boolean]>;

/** Checks that an answer is this problem, whole and with the headers of the table; `mustAct`: an operator must act first, so no `Retry-After`. */
export function isProblem(
  t: Test,
  answer: Pick<Answer, 'status' | 'headers' | 'body'>,
  name: keyof typeof TABLE,
  { mustAct = false } = {},
): void {
  const [status, retry] = TABLE[name];
  t.match(
    { status: answer.status, body: answer.body },
    {
      status,
      body: {
        type: `/problems/${name}`,
        title: /./,
        status,
        detail: /./,
        instance: /^\/requests\//,
        requestId: answer.headers.get('x-request-id') ?? 'an x-request-id header',
      },
    },
    `${name}: status and body`,
  );
  t.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', `${name}: type`);
  t.match(
    answer.headers.get('retry-after') ?? 'none',
    retry && !mustAct ? /^[1-9][0-9]*$/ : /^none$/,
    `${name}: Retry-After`,
  );
  t.equal(answer.headers.get('cache-control'), 'no-store', `${name}: not stored`);
}
