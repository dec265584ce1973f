import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDecide } from '../../src/policy/decide.ts';
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
const permit = 'permit (principal, action, resource);';
const twoIds =
  '// guard\n@id("guard")\nforbid (principal, action, resource);\n  @id("guard") permit (principal, action, resource);';

/** What is wrong, the files that make it so, and how its faults begin, all of them. */
const policyFaults: [string, string, string[]][] = [
  ['no @id', `@id("a") ${permit}\n\n  ${permit}`, [`${P}:3:3: the policy has no @id`]],
  ['an @id without a value', `@id ${permit}`, [`${P}:1:1: @id must be`]],
  ['an @id that is no name', `@id("a b") ${permit}`, [`${P}:1:1: @id must be`]],
  ['one @id twice in a file', twoIds, [`${P}:4:3: @id("guard") is taken by the policy at ${P}:2:1`]],
  [
    'one @id in two files',
    `@id("only-from-inside") ${permit}`,
    [`${P}:1:1: @id("only-from-inside") is taken by the policy at policies/network.cedar:1:1`],
  ],
  ['@id twice on a policy', `@id("a") @id("b") ${permit}`, [`${P}:1:10: duplicate annotation: @id`]],
  [
    'syntax, twice',
    `// é\n@id("a") permit (principal, action resource);\n@id("b") permit (principal action, resource);`,
    [`${P}:2:36: unexpected token \`resource\``, `${P}:3:28: unexpected token \`action\``],
  ],
  [
    'a semicolon is missing',
    `@id("a") permit (principal, action, resource)`,
    [`${P}:1:46: unexpected end of input`],
  ],
  [
    'a string without an end',
    `@id("a") permit (principal, action, resource) when { context.note == "x };`,
    [`${P}:1:70: invalid token`],
  ],
  ['an unknown annotation', `@id("a")\n@quote("x") ${permit}`, [`${P}:2:1: @quote is not an annotation`]],
  ['an obligation', `@id("a") @quota("20 per 1h") ${permit}`, [`${P}:1:10: @quota is not available yet`]],
  [
    'a template',
    `@id("a") permit (principal == ?principal, action, resource);`,
    [`${P}:1:31: expected a static policy`],
  ],
  [
    'an attribute that is none',
    `@id("a") ${permit.replace(';', ' when { context.team == "x" };')}`,
    [`${P}:1:54: attribute \`team\``, `${P}:1:54: attribute \`team\``],
  ],
  [
    'types that do not compare',
    `@id("a") ${permit.replace(';', ' when { context.ttl < "1h" };')}`,
    [`${P}:1:68: unexpected type: expected Long but saw String`],
  ],
  [
    'an unknown action',
    `@id("a") ${permit.replace('action', 'action == Action::"mint"')}`,
    [`${P}:1:39: unrecognized action`],
  ],
  [
    'an entity type that is none',
    `@id("a") ${permit.replace('principal', 'principal == User::"x"')}`,
    [`${P}:1:31: unrecognized entity type`],
  ],
  [
    'a policy that can never match',
    `@id("a") forbid (principal in Group::"production", action, resource);`,
    [`${P}:1:1: policy is impossible`],
  ],
  [
    'a group that nobody declares',
    `// Group::"fine in a comment"\n@id("a") ${permit.replace(', resource', ',\n resource in Group::"nosuch"')}`,
    [`${P}:3:14: entities.yaml declares no group "nosuch"`],
  ],
  [
    'no network address',
    `@id("a") ${permit.replace(';', ' when { context.sourceAddress == ip("300.1.1.1") };')}`,
    [`${P}:1:`],
  ],
];

for (const [what, text, expected] of policyFaults) {
  t.test(`a bundle is refused with file and line: ${what}`, async (t) => {
    check(t, await faultsOf(await bundleWith(t.testdir(), { [P]: text })), expected);
  });
}

const E = 'entities.yaml';
const I = 'issuers.yaml';
const S = 'schema.cedarschema';
const yamlFaults: [string, string, string, string, string[]][] = [
  ['a key twice', E, 'groups:\n', 'teams: []\ngroups:\n', [`${E}:14:1: Map keys must be unique`]],
  ['an unknown key', E, '    subject: "', '    sub: x\n    subject: "', [`${E}:11:5: \`sub\` is not a key`]],
  [
    'a subject that YAML reads as a number',
    E,
    '"replace-with-the-sub-of-your-service"',
    '104000000000000000017',
    [`${E}:11:5: \`subject\` must be text; put numbers in quotes`],
  ],
  [
    'a team that is not declared',
    E,
    'teams: [platform-automation]',
    'teams: [platform]',
    [`${E}:12:13: \`teams\` has \`platform\`, which is not declared`],
  ],
  [
    'a group that is not declared',
    E,
    'production]',
    'prodution]',
    [`${E}:23:32: \`groups\` has \`prodution\`, which is not declared`],
  ],
  [
    'a service twice',
    E,
    '\ngroups:\n',
    "  - {issuer: demo, subject: 'replace-with-the-sub-of-your-service'}\ngroups:\n",
    [`${E}:13:20: \`subject\` stands twice`],
  ],
  ['an admin twice', E, 'id: 41', 'id: 32', [`${E}:24:5: \`id\` stands twice; entry 1`]],
  ['an admin that is text', E, 'id: 41', "id: '41'", [`${E}:24:5: \`id\` must be a whole number`]],
  ['an admin beyond int32', E, 'id: 41', 'id: 2147483648', [`${E}:24:5: \`id\` must be at most`]],
  [
    'a service of an issuer that is not declared',
    E,
    'issuer: demo',
    'issuer: dem',
    [`${E}:10:5: issuers.yaml declares no issuer \`dem\``],
  ],
  ['an alias of YAML', E, 'teams: [platform-automation]', 'teams: *x', [`${E}:`]],
  ['a tag', E, 'id: 41', 'id: !admin 41', [`${E}:24:9: Unresolved tag: !admin`]],
  ['no YAML', E, 'groups:\n', 'groups: ]\n', [`${E}:14:9: Unexpected flow-seq-end token`]],
  ['a symmetric algorithm', I, 'ES256]', 'HS256]', [`${I}:11:25: \`algorithms\` must be of`]],
  [
    'plain http to another host',
    I,
    'https://issuer.example.com\n',
    'http://issuer.example.com\n',
    [`${I}:7:5: \`issuer\` must be https`],
  ],
  ['no audience', I, '    audience: lm-token-broker\n', '', [`${I}:4:5: \`audience\` must be text`]],
  [
    'a second issuer under the alias of the first',
    I,
    '\n    # Where',
    '\n  - {alias: demo, issuer: "https://b.example", audience: x}\n    # Where',
    [`${I}:17:6: \`alias\` is that of an entry above`],
  ],
  [
    'a second entry for one issuer',
    I,
    '\n    # Where',
    '\n  - {alias: b, issuer: "https://issuer.example.com", audience: x}\n    # Where',
    [`${I}:17:16: \`issuer\` is that of an entry above`],
  ],
  [
    'a file of keys that is not there',
    I,
    '\n    # Where',
    '\n    jwks: ./keys.json\n    # Where',
    [`${I}:17:5: \`jwks\` must be an https URL, or a file that can be read`],
  ],
  ['a schema that does not parse', S, 'entity Team;', 'entity Team', [`${S}:10:1: unexpected token`]],
  ['a schema with an unknown type', S, 'note: String', 'note: Text', [`${S}:`]],
  [
    'a schema that lacks what the broker says',
    S,
    '  wrap: Bool,',
    '//',
    [
      `${S}:1:1: the broker’s \`mintToken\` does not fit`,
      `${S}:1:1: the broker’s \`revokeToken\` does not fit`,
    ],
  ],
  [
    'a schema without revokeToken',
    S,
    'mintToken, revokeToken',
    'mintToken',
    [`${S}:1:1: the broker’s \`revokeToken\` does not fit`],
  ],
  [
    'a schema that keeps admins out of groups',
    S,
    'Admin in [Group]',
    'Admin',
    [`${S}:1:1: the broker’s`, `${S}:1:1: the broker’s`],
  ],
];

for (const [what, file, piece, by, expected] of yamlFaults) {
  t.test(`a bundle is refused with file and line: ${what}`, async (t) => {
    const text = await exampleWith(file, piece, by);
    check(t, await faultsOf(await bundleWith(t.testdir(), { [file]: text })), expected);
  });
}

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
    const decide = createDecide(bundle, { randomBytes, name: 'test' });
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
    message: /^the policy bundle .* has 3 faults:\n {2}issuers.yaml:4:5: .*\n {2}entities.yaml:24:5: /,
  });
  t.notMatch(String(error), '\u001b');
});

function check(t: Tap, found: readonly string[], expected: readonly string[]): void {
  const fit = found.length === expected.length && expected.every((begin, i) => found[i]?.startsWith(begin));
  t.ok(fit, found.join('\n'));
}

type Tap = { ok(value: unknown, message: string): unknown };
