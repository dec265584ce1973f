import type { FastifyInstance } from 'fastify';
import { OPERATIONS } from './operations.ts';
import type { Ready } from './schemas.ts';

/** `GET /healthz` (the process answers) and `GET /readyz` (requests may come here, and how each part is). */
export function healthRoutes(app: FastifyInstance, readiness: () => Ready): void {
  app.route({
    ...OPERATIONS.health,
    handler: async () => ({ status: 'alive' }),
  });
  app.route({
    ...OPERATIONS.readiness,
    handler: async (_request, reply) => {
      const ready = readiness();
      return reply.code(isServing(ready) ? 200 : 503).send(ready);
    },
  });
}

function isServing({ status }: Ready): boolean {
  return status === 'ready' || status === 'degraded';
}
