import { randomBytes } from 'node:crypto';
import { constants, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { readCases } from '../../src/policy/cases.ts';
import { runCases } from '../../src/policy/run-cases.ts';
import { EXAMPLE, load } from './bundle.ts';
import { CI_TOKENS } from './issuer-tokens/ci.ts';
import { EXAMPLES, outcomeOf } from './issuer-tokens/outcome.ts';
import { PROVIDER_TOKENS } from './issuer-tokens/providers.ts';
import type { Token } from './issuer-tokens/tokens.ts';
import { BATCH_TOKEN, WORKLOAD_TOKENS } from './issuer-tokens/workloads.ts';

const ALL_TOKENS = [...CI_TOKENS, ...WORKLOAD_TOKENS, ...PROVIDER_TOKENS];
const PLATFORMS = [
  'buildkite',
  'circleci',
  'client-certificates',
  'entra-id',
  'github-actions',
  'gitlab-ci',
  'google',
  'jenkins',
  'keycloak',
  'kubernetes-aks',
  'kubernetes-eks',
  'kubernetes-gke',
  'kubernetes-own',
  'okta',
  'openbao',
  'spire',
];
const text = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8');
const folders = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

t.test('each platform has a folder, a token to try it with, and a row in the README', async (t) => {
  const readme = text(EXAMPLES, 'README.md');
  t.strictSame(folders.sort(), PLATFORMS);
  for (const name of PLATFORMS) {
    t.ok(readme.includes(`(${name}/issuers.yaml)`), `${name} in the README`);
    if (name !== 'client-certificates')
      t.ok(
        ALL_TOKENS.some(({ folder }) => folder === name),
        `a token of ${name}`,
      );
  }
});

for (const name of PLATFORMS) {
  t.test(`${name}: a bundle without fault or warning, whose cases reach every policy`, async (t) => {
    const folder = join(EXAMPLES, name);
    const bundle = await load(folder);
    t.strictSame(bundle.warnings, []);
    const { results, reach } = runCases(bundle, await readCases(bundle), { randomBytes });
    t.strictSame(
      results.filter(({ passed }) => !passed).map(({ tested }) => tested.file),
      [],
    );
    t.strictSame(
      reach.filter(({ matchedIn }) => matchedIn === 0).map(({ id }) => id),
      [],
    );
    t.match(text(folder, 'issuers.yaml'), /^# Subject: /m, 'it says who controls the subject');
    t.match(text(folder, 'issuers.yaml'), /^# NOT SAFE/m, 'and what is not safe to trust');
    const withoutClaims = (schema: string) => schema.replace(/type Claims = \{.*?\};/s, '');
    t.equal(
      withoutClaims(text(folder, 'schema.cedarschema')),
      withoutClaims(text(EXAMPLE, 'schema.cedarschema')),
      'its schema is that of the example policy, but for the claims',
    );
  });
}

t.test('all entries go together in one bundle, and let in and keep out the same callers', async (t) => {
  const dir = t.testdir({ policies: {}, tests: { allow: {}, deny: {} } });
  const entry = z.record(z.string(), z.unknown());
  const issuersOf = z.object({ issuers: z.array(entry) });
  const entitiesOf = z.object({
    teams: z.array(z.string()),
    services: z.array(entry),
    groups: z.array(z.string()),
    admins: z.array(entry),
  });
  const issuers: unknown[] = [];
  const entities = {
    teams: new Set<string>(),
    services: [] as unknown[],
    groups: new Set<string>(),
    admins: new Map<unknown, unknown>(),
  };
  const claims = new Set<string>();
  for (const name of PLATFORMS) {
    const folder = join(EXAMPLES, name);
    issuers.push(...issuersOf.parse(parse(text(folder, 'issuers.yaml'))).issuers);
    const { teams, services, groups, admins } = entitiesOf.parse(parse(text(folder, 'entities.yaml')));
    for (const team of teams) entities.teams.add(team);
    for (const group of groups) entities.groups.add(group);
    entities.services.push(...services);
    for (const admin of admins) entities.admins.set(admin['id'], admin);
    for (const [line] of text(folder, 'schema.cedarschema').matchAll(/^ {2}\w+\?: [\w<>]+,$/gm))
      claims.add(line);
    for (const file of readdirSync(join(folder, 'policies')))
      copyFileSync(join(folder, 'policies', file), join(dir, 'policies', file), constants.COPYFILE_EXCL);
    for (const kind of ['tests/allow', 'tests/deny'])
      for (const file of readdirSync(join(folder, kind)))
        copyFileSync(join(folder, kind, file), join(dir, kind, `${name}-${file}`));
  }
  copyFileSync(join(EXAMPLES, 'kubernetes-own/cluster-ca.pem'), join(dir, 'cluster-ca.pem'));
  const write = (file: string, content: unknown) =>
    writeFileSync(join(dir, file), typeof content === 'string' ? content : JSON.stringify(content));
  write('issuers.yaml', { issuers });
  write('entities.yaml', {
    teams: [...entities.teams],
    services: entities.services,
    groups: [...entities.groups],
    admins: [...entities.admins.values()],
  });
  write(
    'schema.cedarschema',
    text(EXAMPLE, 'schema.cedarschema').replace(
      /type Claims = \{.*?\};/s,
      `type Claims = {${[...claims].join('')}};`,
    ),
  );
  const bundle = await load(dir);
  const { results } = runCases(bundle, await readCases(bundle), { randomBytes });
  t.ok(results.length > 90);
  t.strictSame(
    results.filter(({ passed }) => !passed).map(({ tested }) => tested.file),
    [],
  );
});

for (const example of ALL_TOKENS) {
  t.test(
    `${example.folder}: a token as the platform makes it mints, and what others can have does not`,
    async (t) => {
      const { folder, claims, service, denied, unknown } = example;
      t.equal(await outcomeOf(folder, { token: example }), `allow ${service}`);
      for (const [what, [reason, change]] of Object.entries({ ...denied, ...unknown }))
        t.equal(
          await outcomeOf(folder, { token: { ...example, claims: { ...claims, ...change } } }),
          reason,
          what,
        );
    },
  );
}

t.test(
  'client-certificates: only a SPIFFE ID that is named mints, and a token only along with its own',
  async (t) => {
    const spiffe = (path: string) => `spiffe://prod.example/ns/${path}`;
    const outcome = (caller: { token?: Token; certificate?: string }) =>
      outcomeOf('client-certificates', caller);
    t.equal(await outcome({ certificate: spiffe('ci/sa/minter') }), `allow mtls:${spiffe('ci/sa/minter')}`);
    t.equal(await outcome({ certificate: spiffe('ci/sa/other') }), 'no-permit', 'another workload');
    t.equal(await outcome({ certificate: spiffe('dev/sa/minter') }), 'forbidden', 'another namespace');
    t.equal(
      await outcome({ certificate: 'CN=minter,O=acme' }),
      'forbidden',
      'a subject, which somebody asked for',
    );

    const token = BATCH_TOKEN;
    const runner = spiffe('batch/sa/runner');
    t.equal(await outcome({ token, certificate: runner }), `allow batch:${token.claims['sub']}`);
    t.equal(await outcome({ token }), 'forbidden', 'a stolen token');
    t.equal(
      await outcome({ token, certificate: spiffe('ci/sa/minter') }),
      'forbidden',
      'a stolen token with the certificate of somebody who mints',
    );
  },
);
