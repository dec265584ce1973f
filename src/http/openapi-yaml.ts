import Fastify from 'fastify';
import { stringify } from 'yaml';
import { describeApi } from './openapi.ts';
import { OPERATIONS } from './operations.ts';

/** The text of `openapi/openapi.yaml`: the document that a running broker serves as `/openapi.json`. */
export async function openApiYaml(): Promise<string> {
  const app = Fastify();
  await describeApi(app);
  for (const operation of Object.values(OPERATIONS)) {
    app.route({
      ...operation,
      schema: { ...operation.schema },
      handler: async () => undefined,
      validatorCompiler: () => () => true,
      serializerCompiler: () => JSON.stringify,
    });
  }
  await app.ready();
  return stringify(app.swagger(), { lineWidth: 100 });
}
