import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { Problem } from '../mint/problems.ts';
import type { Metrics } from './metrics.ts';
import { sendProblem } from './problem-reply.ts';

export interface PrivateParts {
  readonly metrics: Metrics;
  /** `/readyz` with the reasons, for operators. */
  readonly readiness: () => { readonly status: string };
  /** How the candidate bundle would have decided; undefined when there is none. */
  readonly candidate: () => object | undefined;
  /** The public server's OpenAPI document. */
  readonly document: () => object;
  readonly log: FastifyBaseLogger;
}

/** Builds the server for operators: `/metrics`, `/readyz` with its details, `/policy/candidate`, `/docs`. It asks nobody who they are, so it listens on loopback. */
export async function privateServer(parts: PrivateParts): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: parts.log.child({}, { level: 'warn' }),
    logController: new LogController({ disableRequestLogging: true }),
  });
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new Problem('not-found', 'Here are /metrics, /readyz, /policy/candidate and /docs.')),
  );
  app.get('/metrics', async (_request, reply) => {
    const { registry } = parts.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  app.get('/readyz', async (_request, reply) => {
    const readiness = parts.readiness();
    return reply
      .code(readiness.status === 'ready' || readiness.status === 'degraded' ? 200 : 503)
      .send(readiness);
  });
  app.get('/policy/candidate', async (_request, reply) => {
    const report = parts.candidate();
    if (report !== undefined) return reply.send(report);
    return sendProblem(
      reply,
      new Problem('not-found', 'There is no candidate: POLICY_CANDIDATE is not set.'),
    );
  });
  docsWhenAsked(app, parts);
  return app;
}

/**
 * Serves the rendered reference. Its page and the plugin behind it are seldom wanted and cost memory, so they are
 * loaded at the first visit, into a server of their own that never listens.
 */
function docsWhenAsked(app: FastifyInstance, { document }: PrivateParts): void {
  let docs: Promise<FastifyInstance> | undefined;
  const visit = async (): Promise<FastifyInstance> => {
    const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
      import('@fastify/swagger'),
      import('@fastify/swagger-ui'),
    ]);
    const inner: FastifyInstance = Fastify();
    // `as`: @fastify/swagger's own type of the document that @fastify/swagger itself made
    await inner.register(swagger, { mode: 'static', specification: { document: document() as never } });
    await inner.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      uiConfig: { supportedSubmitMethods: [] },
    });
    await inner.ready();
    return inner;
  };
  const handler = async (
    request: { raw: import('node:http').IncomingMessage },
    reply: { hijack(): void; raw: import('node:http').ServerResponse },
  ) => {
    docs ??= visit();
    const inner = await docs;
    reply.hijack();
    inner.routing(request.raw, reply.raw);
  };
  app.get('/docs', handler);
  app.get('/docs/*', handler);
}
