import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Deadline } from '../mint/clock.ts';
import { type Broker, mint } from '../mint/mint.ts';
import type { AuditLog } from '../mint/ports.ts';
import { asProblem } from '../mint/problems.ts';
import { type CountRefusal, Trail } from '../mint/trail.ts';
import { mintCall } from './call.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { Metrics } from './metrics.ts';
import { OPERATIONS } from './operations.ts';
import { sendProblem } from './problem-reply.ts';

export interface MintRouteParts {
  readonly broker: Broker;
  readonly audit: AuditLog;
  readonly countRefusal: CountRefusal;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly log: FastifyBaseLogger;
  readonly requestTimeoutMs: number;
  readonly receiveTimeoutMs: number;
  readonly bodyLimit: number;
}

/**
 * `POST /admins/:id/tokens`. The schemas are for the OpenAPI document and for cutting the answer; what came in is
 * checked by the pipeline itself, after the caller is known. The log line is written here and not in a hook: once a
 * body has been read and its caller hangs up, no hook of Fastify's runs.
 */
export function mintRoute(app: FastifyInstance, parts: MintRouteParts): void {
  app.route<{ Params: { id: string } }>({
    ...OPERATIONS.mintToken,
    validatorCompiler: () => (data) => ({ value: data }),
    handler: (request, reply) => parts.lifecycle.during(() => answer(request, reply, parts)),
  });
}

async function answer(
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
  parts: MintRouteParts,
): Promise<FastifyReply> {
  const { broker, metrics, log } = parts;
  const { clock } = broker;
  const call = mintCall(request, reply, {
    bodyBytes: parts.bodyLimit,
    deadline: new Deadline(clock, parts.requestTimeoutMs),
    receive: new Deadline(clock, parts.receiveTimeoutMs),
  });
  const trail = new Trail(call, parts.audit, parts.countRefusal, () => clock.monotonic());
  try {
    await mint(call, trail, broker);
    log.info(trail.summary(), 'mint');
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (!reply.sent) sendProblem(reply, problem);
    const level = problem.problem === 'internal-error' ? 'error' : 'info';
    const { operatorReason, reason } = problem.extras;
    log[level](
      { ...trail.summary(), status: problem.status, reason, operatorReason, err: problem.cause },
      'mint',
    );
  }
  metrics.minted(trail.result, trail.elapsedMs() / 1000);
  return reply;
}
