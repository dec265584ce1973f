import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { PROBLEMS, Problem, type ProblemName } from '../mint/problems.ts';
import { version } from '../version.ts';
import { OPERATIONS } from './operations.ts';
import { problemBody } from './problem-reply.ts';
import { problemSchema } from './schemas.ts';

/** Registers what makes the OpenAPI 3.1 document out of the routes that are added from now on. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'lm-token-broker',
        version,
        description: 'Mints LogicMonitor API tokens for callers that policy allows, and records every one.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'The broker that serves this document.' }],
      tags: [
        { name: 'tokens', description: 'Minting.' },
        { name: 'service', description: 'The broker itself.' },
      ],
      components: {
        securitySchemes: {
          jwt: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'A JWT of a configured OIDC issuer, for the audience of this broker.',
          },
          certificate: {
            type: 'mutualTLS',
            description:
              'A client certificate, where the broker is set up to take them. Beside a JWT the JWT names the caller.',
          } as never, // as: the plugin's types know no such scheme, which OpenAPI has since 3.1
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) =>
      'openapiObject' in document ? withProblems(document.openapiObject) : document.swaggerObject,
  });
}

/** `GET /openapi.json`. It is written once: whoever asks again and again costs no more memory than one answer. */
export function documentRoute(app: FastifyInstance): void {
  let document: Buffer | undefined;
  app.route({
    ...OPERATIONS.document,
    handler: async (_request, reply) => {
      document ??= Buffer.from(JSON.stringify(app.swagger()));
      return reply.type('application/json; charset=utf-8').send(document);
    },
  });
}

/** What any path can answer, whatever it is. */
const ANYWHERE = [
  'invalid-request',
  'request-timeout',
  'headers-too-large',
  'internal-error',
] as const satisfies readonly ProblemName[];

type Operation = { responses?: Record<string, unknown>; security?: readonly unknown[]; operationId?: string };

/**
 * Adds each operation's problems, by status, with an example each. What other paths and methods are answered stands
 * with minting, since the document has no other place for it.
 */
function withProblems<T extends { paths?: unknown; components?: object }>(document: T): T {
  const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>; // `as`: the document is our own, of this shape
  for (const operations of Object.values(paths)) {
    for (const operation of Object.values(operations)) {
      const { security = [] } = operation;
      const names = security.length === 0 ? ANYWHERE : problemNames();
      operation.security = security;
      operation.responses = { ...operation.responses, ...problemAnswers(names) };
    }
  }
  const Problem = z.toJSONSchema(problemSchema);
  delete Problem.$schema;
  return { ...document, components: { ...document.components, schemas: { Problem } } };
}

function problemNames(): ProblemName[] {
  return Object.keys(PROBLEMS) as ProblemName[]; // `as`: the keys of the table are its names
}

function problemAnswers(names: readonly ProblemName[]): Record<string, unknown> {
  const byStatus = Map.groupBy(names, (name) => PROBLEMS[name].status);
  return Object.fromEntries([...byStatus].map(([status, group]) => [String(status), problemAnswer(group)]));
}

function problemAnswer(names: readonly ProblemName[]): Record<string, unknown> {
  return {
    description: names
      .map((name) => `\`${name}\`: ${PROBLEMS[name].title} ${PROBLEMS[name].advice}`)
      .join('\n\n'),
    headers: headersOf(names),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(names.map((name) => [name, { value: exampleOf(name) }])),
      },
    },
  };
}

function headersOf(names: readonly ProblemName[]): Record<string, unknown> {
  const headers: Record<string, unknown> = {
    'X-Request-Id': { schema: { type: 'string' }, description: 'The id of this request.' },
  };
  if (names.some((name) => PROBLEMS[name].retry)) {
    headers['Retry-After'] = {
      schema: { type: 'integer', minimum: 1 },
      description: 'Seconds to wait before another try.',
    };
  }
  if (names.includes('method-not-allowed')) {
    headers['Allow'] = { schema: { type: 'string' }, description: 'The methods that this path knows.' };
  }
  if (names.includes('unauthenticated')) {
    headers['WWW-Authenticate'] = { schema: { type: 'string' }, description: 'How to identify oneself.' };
  }
  return headers;
}

const EXAMPLE_ID = '0f5w3k9m2c8r7t1v4x6z0b2d4g';

function exampleOf(name: ProblemName): Record<string, unknown> {
  const extras = {
    ...(name === 'policy-denied' && { reason: 'no-permit' as const, decisionId: EXAMPLE_ID }),
    ...(name === 'outcome-unknown' && { mintId: EXAMPLE_ID }),
    ...(name === 'invalid-request' && {
      errors: [{ pointer: '/note', detail: 'must be at most 200 UTF-16 code units long' }],
    }),
  };
  return problemBody(new Problem(name, PROBLEMS[name].advice, extras), EXAMPLE_ID);
}
