import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { openApiYaml } from '../../src/http/openapi-yaml.ts';
import { PROBLEMS, type ProblemName } from '../../src/mint/problems.ts';
import { projectFile } from '../../src/project-files.ts';

const written = readFileSync(projectFile('openapi/openapi.yaml'), 'utf8');
const schemaText = z.record(z.string(), z.unknown());
/** As much of the document as this test reads. */
const documentSchema = z.object({
  openapi: z.string(),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        requestBody: z.object({ content: z.record(z.string(), z.object({ schema: schemaText })) }).optional(),
        responses: z.record(
          z.string(),
          z.object({
            headers: z.record(z.string(), z.unknown()).default({}),
            content: z.record(
              z.string(),
              z.object({
                schema: schemaText,
                examples: z.record(z.string(), z.object({ value: schemaText })).default({}),
              }),
            ),
          }),
        ),
      }),
    ),
  ),
  components: z.object({ schemas: z.object({ Problem: schemaText }) }),
});
const document = documentSchema.parse(parse(written));
const mintToken = document.paths['/admins/{id}/tokens']?.['post'];

/** Every example of a problem: under which status it stands, with which headers. */
const examples = Object.values(document.paths)
  .flatMap((operations) => Object.values(operations))
  .flatMap(({ responses }) => Object.entries(responses))
  .flatMap(([status, { headers, content }]) =>
    Object.entries(content['application/problem+json']?.examples ?? {}).map(([name, { value }]) => ({
      name,
      status: Number(status),
      headers: Object.keys(headers),
      value,
    })),
  );

t.test('the document that is checked in is what `npm run openapi` writes', async (t) => {
  t.equal(await openApiYaml(), written);
  t.equal(document.openapi, '3.1.0');
});

t.test('it has the operations that are there, and none that comes later', async (t) => {
  t.strictSame(
    Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    ),
    ['post /admins/{id}/tokens', 'get /healthz', 'get /readyz', 'get /openapi.json'],
  );
});

t.test('every problem of the table stands with minting, under its status, with an example', async (t) => {
  const listed = Object.entries(mintToken?.responses ?? {}).flatMap(([status, { content }]) =>
    Object.keys(content['application/problem+json']?.examples ?? {}).map((name) => `${status} ${name}`),
  );
  t.strictSame(
    listed.toSorted(),
    Object.entries(PROBLEMS)
      .map(([name, { status }]) => `${status} ${name}`)
      .toSorted(),
  );
});

t.test('every example is a problem by the document’s own schema, and the one that it says', async (t) => {
  // `as`: JSON Schema by its content; what it cannot read, `fromJSONSchema` throws at
  const problem = z.fromJSONSchema(
    document.components.schemas.Problem as Parameters<typeof z.fromJSONSchema>[0],
  );
  t.notOk(problem.safeParse({ title: 'no problem' }).success, 'the schema refuses what is none');
  for (const { name, status, value } of examples) {
    t.ok(problem.safeParse(value).success, name);
    t.match(value, { type: `/problems/${name}`, status, title: PROBLEMS[name as ProblemName].title }, name); // `as`: checked by the test above
  }
});

t.test('headers that a problem comes with stand with its status', async (t) => {
  for (const { name, headers } of examples) {
    t.ok(headers.includes('X-Request-Id'), name);
    if (PROBLEMS[name as ProblemName].retry) t.ok(headers.includes('Retry-After'), name); // `as`: checked above
    if (name === 'unauthenticated') t.ok(headers.includes('WWW-Authenticate'));
    if (name === 'method-not-allowed') t.ok(headers.includes('Allow'));
  }
});

t.test('the members that are not available yet are not in it', async (t) => {
  const body = z
    .object({ properties: z.record(z.string(), z.unknown()), additionalProperties: z.literal(false) })
    .parse(mintToken?.requestBody?.content['application/json']?.schema);
  t.strictSame(Object.keys(body.properties), ['note', 'status', 'type', 'reason']);
});
