import { writeFileSync } from 'node:fs';
import Fastify from 'fastify';
import { stringify } from 'yaml';
import { projectFile } from '../project-files.ts';
import { describeApi } from './openapi.ts';
import { OPERATIONS } from './operations.ts';

/** Writes `openapi/openapi.yaml`: the document that a running broker serves as `/openapi.json`. */
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
writeFileSync(projectFile('openapi/openapi.yaml'), stringify(app.swagger(), { lineWidth: 100 }));
