import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startStack, until } from '../support/stack.ts';
import { policyCommand } from './policy-commands.ts';

const stack = await startStack(t);
const candidate = `${stack.policyDir}-candidate`;
await cp(stack.policyDir, candidate, { recursive: true });

t.test('a log is made by real requests', async (t) => {
  for (let n = 0; n < 3; n++) t.equal((await stack.mint(32)).status, 201);
  t.equal((await stack.mint(33)).status, 403);
  t.equal((await stack.mint(33, { reason: 'INC-7' })).status, 201);
  t.equal((await stack.mint(32, {}, { authorization: `Bearer ${stack.otherJwt}` })).status, 403);
  t.equal((await stack.dryRun(41)).status, 200);
  const decided = async () =>
    (await stack.records()).filter(({ kind }) => kind === 'intent' || kind === 'request').length;
  await until(async () => (await decided()) === 7, 'all to be on record');
});

t.test('a bundle that decides the same changes nothing, exit 0', async (t) => {
  const { code, stdout: out } = await policyCommand('diff', candidate, '--audit', stack.auditDir);
  t.equal(code, 0);
  t.match(out, /^7 decisions since .*; 0 would change$/m);
});

t.test(
  'each decision that would change is listed with its count and the last decision, exit 2',
  async (t) => {
    const production = join(candidate, 'policies/production.cedar');
    const text = await readFile(production, 'utf8');
    await writeFile(production, '@id("not-32") forbid (principal, action, resource == Admin::"32");');
    const { code, stdout: out } = await policyCommand('diff', candidate, '--audit', stack.auditDir);
    t.equal(code, 2);
    t.match(out, /^7 decisions since .*; 5 would change$/m);
    t.match(out, /^would be refused: 3$/m);
    t.match(
      out,
      /^ {2}3 × demo:\S+ for admin 32: allowed by automation-mints-for-its-users, then refused, forbidden by not-32$/m,
    );
    t.match(out, /^ {6}last \d{4}-\d\d-\d\dT\S+, decision [0-9a-z]{26}$/m);
    t.match(out, /^would be allowed: 1$/m);
    t.match(out, /^would be refused for another reason: 1$/m);
    const json = await policyCommand('diff', candidate, '--audit', stack.auditDir, '--json');
    t.equal(json.code, 2);
    t.match(JSON.parse(json.stdout), { compared: 7, unchanged: 2, ungrouped: 0, unseenClaims: [] });
    await writeFile(production, text);
  },
);

t.test('an issuer that is gone, and claims that no record has, are told', async (t) => {
  const issuers = join(candidate, 'issuers.yaml');
  const text = await readFile(issuers, 'utf8');
  await writeFile(issuers, text.replace(/issuer: .*/, 'issuer: https://other.example'));
  const gone = await policyCommand('diff', candidate, '--audit', stack.auditDir);
  t.equal(gone.code, 2);
  t.match(gone.stdout, /then refused, unidentified$/m);
  await writeFile(issuers, `${text}    claims:\n      project_id: String\n`);
  const schema = join(candidate, 'schema.cedarschema');
  await writeFile(
    schema,
    (await readFile(schema, 'utf8')).replace('type Claims = {', 'type Claims = {\n  project_id?: String,'),
  );
  const claims = await policyCommand('diff', candidate, '--audit', stack.auditDir);
  t.equal(claims.code, 0);
  t.match(claims.stdout, /stand in no record.*demo: project_id/s);
});

t.test('wrong words, a broken bundle and a log that is not there are told apart', async (t) => {
  t.equal((await policyCommand('diff', candidate)).code, 64);
  t.equal((await policyCommand('diff', candidate, '--audit', stack.auditDir, '--since', 'ever')).code, 64);
  const none = await policyCommand('diff', candidate, '--audit', join(stack.auditDir, 'none'));
  t.equal(none.code, 1);
  t.match(none.stderr, /ENOENT/);
  await mkdir(join(candidate, 'policies'), { recursive: true });
  await writeFile(join(candidate, 'policies/broken.cedar'), 'permit (');
  const broken = await policyCommand('diff', candidate, '--audit', stack.auditDir);
  t.equal(broken.code, 1);
  t.match(broken.stderr, /^policies\/broken\.cedar:1:/);
});
