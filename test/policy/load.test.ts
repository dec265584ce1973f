import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDecide } from '../../src/policy/decide.ts';
import { printFault } from '../../src/policy/faults.ts';
import { bundleWith, EXAMPLE, exampleWith, faultsOf, load, question } from './bundle.ts';

t.test('the example bundle loads', async (t) => {
  const begin = performance.now();
  const bundle = await load(EXAMPLE);
  t.comment(`loaded and checked in ${(performance.now() - begin).toFixed(1)} ms`);
  t.match(bundle.digest, /^[0-9a-f]{64}$/);
  t.strictSame(bundle.policies.map(({ id }) => id).sort(), [
    'automation-mints-for-its-users',
    'callers-end-their-own-tokens',
    'only-from-inside',
    'production-needs-a-reason',
  ]);
});

t.test('the digest is of names and contents, and nothing else', async (t) => {
  const { digest } = await load(EXAMPLE);
  t.equal((await load(await bundleWith(t.testdir({ a: {} })))).digest, digest, 'a copy has the same');
  const changed = await bundleWith(t.testdir({ b: {} }), {
    'policies/network.cedar': await exampleWith('policies/network.cedar', '10.0.0.0/8', '10.0.0.0/9'),
  });
  t.not((await load(changed)).digest, digest);
  renameSync(join(changed, 'policies/network.cedar'), join(changed, 'policies/other.cedar'));
  const renamed = await load(changed);
  t.not(renamed.digest, digest);
});

t.test('a folder behind a link that is swapped is read whole', async (t) => {
  const dir = t.testdir();
  const v1 = await bundleWith(join(dir, '..v1'));
  symlinkSync('..v1', join(dir, '..data'));
  for (const name of ['policies', 'schema.cedarschema', 'entities.yaml', 'issuers.yaml']) {
    symlinkSync(`..data/${name}`, join(dir, name));
  }
  t.equal((await load(dir)).folder, v1);
});

t.test(
  'services of several issuers are told apart by alias, and keys come from a file of the folder',
  async (t) => {
    const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
    const sub = 'replace-with-the-sub-of-your-service';
    const dir = await bundleWith(t.testdir(), {
      'keys.json': JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', x, y }] }),
      'issuers.yaml': await exampleWith(
        'issuers.yaml',
        '\n    # Where',
        '\n  - {alias: b, issuer: "https://b.example", audience: x, jwks: keys.json}\n    # Where',
      ),
      'entities.yaml': await exampleWith(
        'entities.yaml',
        'groups:\n',
        `  - {issuer: b, subject: '${sub}'}\ngroups:\n`,
      ),
    });
    const { issuers } = await load(dir);
    t.match(issuers, [
      { alias: 'demo', issuer: 'https://issuer.example.com' },
      { alias: 'b', issuer: 'https://b.example', keys: [{ kid: undefined }] },
    ]);
    t.notOk(issuers[1]?.jwks);
  },
);

const P = 'policies/new.cedar';
const E = 'entities.yaml';
const I = 'issuers.yaml';
const permit = 'permit (principal, action, resource);';

t.test('the files of a folder that Kubernetes mounts are read through their links, once each', async (t) => {
  const dir = await bundleWith(t.testdir());
  const policies = join(dir, 'policies');
  renameSync(policies, join(dir, 'v1'));
  mkdirSync(policies);
  renameSync(join(dir, 'v1'), join(policies, '..2026_11_25'));
  symlinkSync('..2026_11_25', join(policies, '..data'));
  for (const name of readdirSync(join(policies, '..data'))) {
    symlinkSync(`..data/${name}`, join(policies, name));
  }
  const { digest } = await load(EXAMPLE);
  t.equal((await load(dir)).digest, digest);
});

for (const name of ['.deny.cedar', '..x.cedar']) {
  t.test(`a hidden policy file is read like any other: ${name}`, async (t) => {
    const nobody = '@id("nobody") forbid (principal, action, resource);';
    const bundle = await load(await bundleWith(t.testdir(), { [`policies/${name}`]: nobody }));
    t.match(
      bundle.policies.find(({ id }) => id === 'nobody'),
      { id: 'nobody' },
    );
    const { decide } = createDecide(bundle, { randomBytes });
    t.match(decide(question()), { allow: false, reason: 'forbidden', policies: ['nobody'] });
  });
}

t.test('a file that is missing, or would be left out, is a fault', async (t) => {
  const dir = await bundleWith(t.testdir(), {
    'stray.cedar': permit,
    'policies/deny.ceder': permit,
    '.stray.cedar': permit,
    'policies/.deny.cedar~': permit,
    'entities.yaml': Buffer.from([0x61, 0xc3, 0x28]),
  });
  rmSync(join(dir, 'issuers.yaml'));
  mkdirSync(join(dir, 'policies/folder.cedar'));
  check(t, (await faultsOf(dir)).sort(), [
    '.stray.cedar:1:1: policies belong in the folder',
    'entities.yaml:1:1: is not valid UTF-8',
    'issuers.yaml:1:1: is missing',
    'policies/.deny.cedar~:1:1: only files that end in `.cedar`',
    'policies/deny.ceder:1:1: only files that end in `.cedar`',
    'policies/folder.cedar:1:1: ',
    'stray.cedar:1:1: policies belong in the folder',
  ]);
  t.strictSame(await faultsOf(join(dir, 'nowhere')), ['.:1:1: there is no such folder']);
});

t.test(
  'policies that share an @id, or have none, keep a bundle from being loaded: none of them is lost',
  async (t) => {
    const guard = '@id("guard") forbid (principal, action, resource == Admin::"32");';
    const pasted = '@id("guard") permit (principal, action, resource == Admin::"32");';
    const folder = t.testdir({ a: {}, b: {}, c: {} });
    const one = await bundleWith(join(folder, 'a'), { [P]: `${guard}\n\n${pasted}` });
    t.strictSame(await faultsOf(one), [`${P}:3:1: @id("guard") is taken by the policy at ${P}:1:1`]);
    const two = await bundleWith(join(folder, 'b'), { [P]: guard, 'policies/pasted.cedar': `\n  ${pasted}` });
    t.strictSame(await faultsOf(two), [
      `policies/pasted.cedar:2:3: @id("guard") is taken by the policy at ${P}:1:1`,
    ]);
    const none = await bundleWith(join(folder, 'c'), { [P]: `${permit}\n${permit}` });
    check(t, await faultsOf(none), [`${P}:1:1: the policy has no @id`, `${P}:2:1: the policy has no @id`]);
  },
);

t.test('all faults are told at once, and cannot move a terminal’s cursor', async (t) => {
  const dir = await bundleWith(t.testdir(), {
    [P]: '@id("a") permit (principal, action, resource) when { context.note == \u001b[2J };',
    [E]: await exampleWith(E, 'id: 41', 'id: 0'),
    [I]: await exampleWith(I, 'alias: demo', 'alias: mtls'),
  });
  const error = await load(dir).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.match(error, {
    message: /^the policy bundle .* has 3 faults:\n {2}entities.yaml:26:5: .*\n {2}issuers.yaml:6:5: /,
  });
  t.notMatch(String(error), '\u001b');
});

t.test('what a folder may hold too much of is a fault, and is not read', async (t) => {
  const dir = await bundleWith(t.testdir());
  writeFileSync(join(dir, 'policies/large.cedar'), Buffer.alloc(4 * 1024 * 1024 + 1, ' '));
  check(t, await faultsOf(dir), ['policies/large.cedar:1:1: is larger than 4194304 bytes']);
  rmSync(join(dir, 'policies/large.cedar'));
  for (let file = 0; file < 1000; file++) writeFileSync(join(dir, `policies/x${file}.cedar`), '');
  check(t, await faultsOf(dir), ['policies:1:1: more than 1000 files']);
});

t.test(
  'services that are in no team are a warning unless a policy names them, and admins alike a fault',
  async (t) => {
    const policy = `@id("a") permit (principal == Service::"demo:a\\"\\u{6e}", action, resource) when {
    resource == Admin::"7" || principal == Service::"mtls:spiffe://prod.example/x" };`;
    const entities = (admins: string) => `teams: [platform-automation]
services:
  - { issuer: demo, subject: 'a"n' }
  - { issuer: mtls, subject: 'spiffe://prod.example/x' }
  - { issuer: mtls, subject: 'CN=nobody' }
groups: [automation-users, production]
admins:
  - { id: 7 }
${admins}`;
    const dir = await bundleWith(t.testdir(), { [P]: policy, [E]: entities('') });
    t.strictSame((await load(dir)).warnings.map(printFault), [
      'entities.yaml:5:5: mtls:CN=nobody is in no team, and no policy names it',
    ]);
    writeFileSync(join(dir, E), entities('  - { id: 8 }\n'));
    t.strictSame(await faultsOf(dir), ['entities.yaml:9:5: admin 8 is in no group, and no policy names it']);
  },
);

t.test('a condition on context.ttl is a warning where a permit has a default for it', async (t) => {
  const reads = `@id("short") forbid (principal, action, resource)
    when { context.note == "context.ttl" && context ["ttl"] > 3600 };`;
  const dir = await bundleWith(t.testdir(), { [P]: reads });
  t.strictSame((await load(dir)).warnings, []);
  writeFileSync(join(dir, 'policies/hour.cedar'), `@id("hour") @default_ttl("1h") ${permit}`);
  t.match((await load(dir)).warnings, [
    { file: P, line: 2, column: 45, reason: /before the @default_ttl of hour/ },
  ]);
});

function check(t: Tap, found: readonly string[], expected: readonly string[]): void {
  const fit = found.length === expected.length && expected.every((begin, i) => found[i]?.startsWith(begin));
  t.ok(fit, found.join('\n'));
}

type Tap = { ok(value: unknown, message: string): unknown };
