import type { Test } from 'tap';
import { z } from 'zod';
import { PROBLEMS, type ProblemName } from '../../src/mint/problems.ts';
import { type Answer, type Stack, until } from '../support/stack.ts';
import type { Connection } from './connection.ts';

/** A refusal that a test has seen. */
export interface Seen {
  readonly problem: ProblemName;
  readonly requestId: string;
}

/** Checks that an answer is this problem, whole, with its request id; gives that id. */
export function isProblem(t: Test, { status, headers, body }: Answer, problem: ProblemName): string {
  const { title, status: expected } = PROBLEMS[problem];
  const requestId = headers.get('x-request-id') ?? '';
  t.equal(status, expected);
  t.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8');
  t.equal(headers.get('cache-control'), 'no-store');
  t.match(body, {
    type: `/problems/${problem}`,
    title,
    status,
    requestId,
    instance: `/requests/${requestId}`,
  });
  t.match(requestId, /^[0-9a-hjkmnp-tv-z]{26}$/);
  return requestId;
}

/** As `isProblem` of the next answer, after which the broker closes the connection. */
export async function isLastProblem(t: Test, connection: Connection, problem: ProblemName): Promise<string> {
  const answer = await connection.answer();
  const requestId = isProblem(t, answer, problem);
  t.equal(answer.headers.get('connection'), 'close');
  t.equal(await connection.rest(), '');
  return requestId;
}

/**
 * Stops the broker and checks its audit log: what known callers were refused has a record each, for admin 32; the rest
 * is counted in `refusals`, the first ten of each problem in full.
 */
export async function areOnRecord(
  t: Test,
  stack: Stack,
  { recorded, counted }: { readonly recorded: readonly Seen[]; readonly counted: readonly Seen[] },
): Promise<void> {
  await stack.broker.stop();
  const records = await stack.records();
  for (const { problem, requestId } of recorded) {
    const own = records.filter((record) => 'requestId' in record && record.requestId === requestId);
    t.match(own, [{ kind: 'request', problem, adminId: 32 }], problem);
  }
  const refusals = records.filter((record) => record.kind === 'refusals');
  const samples = refusals.flatMap(({ samples }) => samples);
  for (const [problem, cases] of Object.entries(Object.groupBy(counted, ({ problem }) => problem))) {
    const total = refusals
      .flatMap(({ counts }) => counts)
      .filter(({ cause, network }) => cause === problem && network === '127.0.0.0/24')
      .reduce((sum, { count }) => sum + count, 0);
    t.equal(total, cases.length, `${problem} is counted once for each`);
    for (const { requestId } of cases.slice(0, 10))
      t.match(
        samples.find((sample) => sample.requestId === requestId),
        { cause: problem, address: '127.0.0.1' },
      );
  }
}

/** What the log line of a request says, once it is there. */
export async function logLine(stack: Stack, requestId: string): Promise<Record<string, unknown>> {
  const find = async () => (await stack.log()).split('\n').find((line) => line.includes(`"${requestId}"`));
  await until(async () => (await find()) !== undefined, `the log line of ${requestId}`);
  return z.record(z.string(), z.unknown()).parse(JSON.parse((await find()) ?? ''));
}

/** The records of a request, once there is one. */
export async function recordsOf(stack: Stack, requestId: string) {
  const own = async () =>
    (await stack.records()).filter((record) => 'requestId' in record && record.requestId === requestId);
  await until(async () => (await own()).length > 0, `the record of ${requestId}`);
  return own();
}
