import type { FastifyReply } from 'fastify';
import { PROBLEMS, type Problem } from '../mint/problems.ts';

const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** The stable part of a problem's `type`: a path, so that it means the same behind every host name. */
const PROBLEM_PATH = '/problems/';

/** A problem as RFC 9457 has it. Only what is named here leaves the broker: no cause, no reason for the operator. */
export function problemBody(problem: Problem, requestId: string): Record<string, unknown> {
  const { reason, decisionId, mintId, errors } = problem.extras;
  return {
    type: `${PROBLEM_PATH}${problem.problem}`,
    title: PROBLEMS[problem.problem].title,
    status: problem.status,
    detail: problem.message,
    instance: `/requests/${requestId}`,
    requestId,
    reason,
    decisionId,
    mintId,
    errors,
  };
}

/** The headers that go with a problem, beside those of every answer. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store' };
  if (problem.problem === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="lm-token-broker"';
  if (problem.retryAfterS !== undefined) headers['retry-after'] = String(problem.retryAfterS);
  if (problem.extras.allow !== undefined) headers['allow'] = problem.extras.allow;
  return headers;
}

/** Answers with a problem. A request whose body was not read to its end gets its connection closed. */
export function sendProblem(reply: FastifyReply, problem: Problem): void {
  if (!reply.request.raw.complete) reply.header('connection', 'close');
  reply
    .code(problem.status)
    .headers(problemHeaders(problem))
    .serializer(JSON.stringify)
    .send(problemBody(problem, reply.request.id));
}
