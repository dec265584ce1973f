import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { issuersJsonSchema } from '../../src/identity/issuers.ts';

const object = z.looseObject({
  additionalProperties: z.literal(false),
  required: z.array(z.string()),
  properties: z.record(z.string(), z.looseObject({ description: z.string().min(20) })),
});
const schema = object
  .extend({ properties: z.object({ issuers: z.looseObject({ items: object }) }) })
  .parse(issuersJsonSchema());
const entry = schema.properties.issuers.items;

t.test('every key of an entry has a description that an editor can show', (t) => {
  t.strictSame(Object.keys(entry.properties).sort(), [
    'algorithms',
    'alias',
    'audience',
    'ca',
    'claims',
    'issuer',
    'jwks',
    'jwksTokenFile',
    'maxTokenAge',
    'subjectClaim',
    'trustDomain',
    'tryAllKeys',
    'typ',
  ]);
  t.strictSame(entry.required, ['alias', 'audience'], 'and all others may be left out');
  t.end();
});

t.test('a check by the schema accepts the example bundle, and refuses what is no entry', (t) => {
  // zod reads JSON Schema too: it stands in for an editor here.
  const check = z.fromJSONSchema(issuersJsonSchema());
  const example: unknown = parse(
    readFileSync(new URL('../../examples/policy/issuers.yaml', import.meta.url), 'utf8'),
  );
  t.strictSame(check.safeParse(example).error, undefined);
  t.ok(check.safeParse({ issuers: [] }).success);
  const whole = { alias: 'a', audience: 'x', issuer: 'https://a.example' };
  for (const wrong of [
    { ...whole, clientId: 'x' },
    { ...whole, algorithms: ['HS256'] },
    { ...whole, maxTokenAge: '1 hour' },
    { ...whole, claims: { 'a.b': 'String' } },
    { ...whole, claims: { a: { type: 'String', path: [] } } },
    { alias: 'a', issuer: 'https://a.example' },
  ]) {
    t.notOk(check.safeParse({ issuers: [wrong] }).success, JSON.stringify(wrong));
  }
  t.ok(check.safeParse({ issuers: [{ ...whole, claims: { a: { type: 'Long', from: ['b'] } } }] }).success);
  t.end();
});
