import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readCases } from '../../src/policy/cases.ts';
import { BundleError, printFault } from '../../src/policy/faults.ts';
import { runCases } from '../../src/policy/run-cases.ts';
import { goodBundle } from './broken.ts';
import { load } from './bundle.ts';

const ISSUERS = `issuers:
  - alias: ci
    issuer: https://ci.example
    audience: lm-token-broker
    claims: { ref: String }
`;
const asked = (more: object = {}) => JSON.stringify({ as: 'ci:deploy', admin: 32, ...more });

/** The good bundle with these cases instead of its own, and with the claim `ref`. */
function withCases(dir: string, cases: Record<string, string>, policies = ''): string {
  goodBundle(dir);
  rmSync(join(dir, 'tests'), { recursive: true });
  for (const kind of ['allow', 'deny']) mkdirSync(join(dir, 'tests', kind), { recursive: true });
  for (const [name, text] of Object.entries(cases)) writeFileSync(join(dir, 'tests', name), text);
  writeFileSync(join(dir, 'issuers.yaml'), ISSUERS);
  const schema = join(dir, 'schema.cedarschema');
  writeFileSync(
    schema,
    readFileSync(schema, 'utf8').replace('type Claims = {};', 'type Claims = { ref?: String };'),
  );
  writeFileSync(join(dir, 'policies/more.cedar'), policies);
  return dir;
}

async function outcomes(dir: string) {
  const bundle = await load(dir);
  const { results } = runCases(bundle, await readCases(bundle), { randomBytes });
  return results.map(({ tested, passed, decision }) => [tested.sentence, passed, decision.reason]);
}

/** Every fault of a bundle’s cases as it is printed. */
async function caseFaults(dir: string): Promise<string[]> {
  return readCases(await load(dir)).then(
    () => [],
    (error: unknown) => {
      if (error instanceof BundleError) return error.faults.map(printFault);
      throw error;
    },
  );
}

t.test(
  'a member that stands twice in a case is a fault, however it is spelt, and no case is run',
  async (t) => {
    const dir = withCases(t.testdir(), {
      'allow/note.json': '{"as":"ci:deploy","admin":32,\n"note":"a","\\u006eote":"b"}',
      'allow/status.json': '{"as":"ci:deploy","admin":32,"status":1,\n"status":2}',
      'allow/ttl.json': '{"as":"ci:deploy","admin":32,"ttl":"5m",\n  "ttl":"90d"}',
      'allow/claim.json': '{"as":"ci:deploy","admin":32,"claims":{"ref":"a",\n\n "ref":"b"}}',
      'allow/whole.json': asked(),
    });
    t.strictSame(await caseFaults(dir), [
      'tests/allow/claim.json:3:2: `/claims/ref`: the member stands twice',
      'tests/allow/note.json:2:12: `/note`: the member stands twice',
      'tests/allow/status.json:2:1: `/status`: the member stands twice',
      'tests/allow/ttl.json:2:3: `/ttl`: the member stands twice',
    ]);
  },
);

t.test('claims, times, keys and certificates of a case reach the policies', async (t) => {
  const policies = `@id("main") permit (principal, action, resource)
    when { context.claims has ref && context.claims.ref == "main" && context has certificate &&
      context.certificate == "CN=x" };
  @id("hour") @max_ttl("1h") @require("wrap, idempotency-key, ttl") permit (principal == Service::"ci:deploy", action, resource == Admin::"7");`;
  const main = { as: 'ci:other', claims: { ref: 'main' }, certificate: 'CN=x' };
  const hour = { admin: 7, ttl: '1h', wrapTtl: 60, idempotencyKey: true };
  const dir = withCases(
    t.testdir(),
    {
      'allow/main.json': asked(main),
      'deny/ref.json': asked({ ...main, claims: { ref: 'other' } }),
      'deny/refless.json': asked({ ...main, claims: {} }),
      'deny/certificate.json': asked({ ...main, certificate: 'CN=y' }),
      'deny/type.json': asked({ ...main, claims: { ref: null } }),
      'allow/hour.json': asked(hour),
      'deny/ttl.json': asked({ ...hour, ttl: 3601 }),
      'deny/ttl-less.json': asked({ ...hour, ttl: undefined }),
      'deny/wrap.json': asked({ ...hour, wrapTtl: undefined }),
      'deny/key.json': asked({ ...hour, idempotencyKey: false }),
    },
    policies,
  );
  writeFileSync(
    join(dir, 'entities.yaml'),
    `teams: [deployers]
services: [{ issuer: ci, subject: deploy, teams: [deployers] }]
groups: [automation]
admins: [{ id: 7 }]`,
  );
  t.strictSame(await outcomes(dir), [
    ['hour', true, null],
    ['main', true, null],
    ['certificate', true, 'no-permit'],
    ['key', true, 'key-required'],
    ['ref', true, 'no-permit'],
    ['refless', true, 'no-permit'],
    ['ttl less', true, 'ttl-required'],
    ['ttl', true, 'ttl-too-long'],
    ['type', true, 'claim-type'],
    ['wrap', true, 'wrap-required'],
  ]);
});

t.test('more cases than a reload can wait for are a fault', async (t) => {
  const cases = Array.from({ length: 5001 }, (_, index) => [`deny/${index}.json`, '']);
  const dir = withCases(t.testdir(), Object.fromEntries(cases));
  t.strictSame(await caseFaults(dir), ['tests/deny:1:1: more than 5000 files']);
});
