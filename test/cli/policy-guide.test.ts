import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { policyCommand } from './policy-commands.ts';

const guide = readFileSync(projectFile('docs/policy.md'), 'utf8');
const schema = readFileSync(projectFile('examples/policy/schema.cedarschema'), 'utf8');

/** The code blocks of one language under a heading, in their order. */
function blocksUnder(heading: string, language: string): string[] {
  const [, section = ''] = guide.split(`\n${heading}\n`);
  const [own = ''] = section.split(/\n#{2,3} /, 1);
  const fenced = new RegExp(`^ *\`\`\`${language}\n(.*?)^ *\`\`\`$`, 'gms');
  return [...own.matchAll(fenced)].map(([, text = '']) => text);
}

const BEGINNING = '## From an empty folder';
const [issuers = '', entities = ''] = blocksUnder(BEGINNING, 'yaml');
const [step = ''] = blocksUnder(BEGINNING, 'cedar');
const [allowed = '', refused = ''] = blocksUnder(BEGINNING, 'json');
const recipes = blocksUnder('## Recipes', 'cedar');
const recipe = (id: string) => recipes.find((text) => text.startsWith(`@id("${id}")`)) ?? '';

/** The bundle that the guide makes from an empty folder, with other files in place of its own. */
function guideBundle(dir: string, files: Readonly<Record<string, string>> = {}): string {
  const all = {
    'schema.cedarschema': schema,
    'issuers.yaml': issuers,
    'entities.yaml': entities,
    'policies/automation.cedar': step,
    'tests/allow/ci-mints-for-automation.json': allowed,
    'tests/deny/strangers-mint-nothing.json': refused,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

/** The groups that recipes name: 32 is of automation and production, 33 of automation alone, 7 makes tokens. */
const recipeEntities = entities
  .replace('groups: [automation-users]\n', 'groups: [automation-users, production, token-makers]\n')
  .replace(
    '    groups: [automation-users]\n',
    `    groups: [automation-users, production]
  - id: 33
    groups: [automation-users]
  - id: 7
    groups: [automation-users, token-makers]
`,
  );

/** What becomes of a request: the first line of `policy explain`. */
async function verdict(dir: string, ...words: readonly string[]): Promise<string | undefined> {
  return (await policyCommand('explain', dir, ...words)).stdout.split('\n')[0];
}

t.test('the bundle that the guide makes from an empty folder is good, and its cases hold', async (t) => {
  const dir = guideBundle(t.testdir());
  t.match(await policyCommand('check', dir), {
    code: 0,
    stdout: /^ok: 1 policy, 1 service, 1 admin,/,
    stderr: '',
  });
  t.match(await policyCommand('test', dir), { code: 0, stdout: /2 passed, 0 failed$/ });
});

t.test('what the guide shows of its own bundle is what the commands say', async (t) => {
  const parent = t.testdir();
  guideBundle(join(parent, 'policy'));
  const [shown = ''] = blocksUnder(BEGINNING, 'console');
  const [before, ...steps] = shown.split(/^\$ npx lm-token-broker policy (.*)$/m);
  t.equal(before, '');
  t.equal(steps.length, 8);
  for (let at = 0; at < steps.length; at += 2) {
    const [words = '', said = ''] = steps.slice(at);
    const [command = '', ...rest] = words.replace('./policy', join(parent, 'policy')).split(' ');
    const { stdout } = await policyCommand(command, ...rest);
    // The digest is also of the schema's comments.
    const [actual, expected] = [stdout, said].map((text) => text.replace(/[0-9a-f]{64}/, 'DIGEST'));
    t.equal(actual?.replaceAll(/ +$/gm, '').trim(), expected?.trim(), words);
  }
});

t.test('the guide’s one-liner computes the digest that `policy check` tells', async (t) => {
  const dir = guideBundle(t.testdir(), { 'policies/another.cedar': recipe('nobody-mints-for-people') });
  const line = blocksUnder('## A change, from the idea to production', 'sh').find((text) =>
    text.includes('sha256sum'),
  );
  const computed = await promisify(execFile)('sh', ['-c', line ?? ''], { cwd: dir });
  const digest = computed.stdout.split(' ', 1)[0];
  t.match(digest, /^[0-9a-f]{64}$/);
  t.ok((await policyCommand('check', dir)).stdout.endsWith(`digest ${digest}`));
});

t.test('the guide’s recipes are good policies and do what they say', async (t) => {
  t.equal(recipes.length, 7);
  const anybody = '@id("anybody") permit (principal, action, resource);';
  const dir = guideBundle(t.testdir(), {
    'entities.yaml': recipeEntities,
    'policies/recipes.cedar': [
      anybody,
      ...[
        'ci-only-for-automation',
        'nobody-mints-for-people',
        'production-needs-a-change',
        'nobody-mints-for-token-makers',
        'office-hours',
      ].map(recipe),
    ].join('\n'),
  });
  t.match(await policyCommand('check', dir), { code: 0, stderr: '' });
  const ask = (subject: string, admin: string, reason: string, at: string) =>
    verdict(dir, '--as', `ci:${subject}`, '--admin', admin, '--reason', reason, '--at', at);
  const office = '2026-01-05T16:59:59Z';
  t.match(await ask('deploy', '32', 'CHG-1', office), /^allowed/);
  t.match(await ask('stranger', '32', 'CHG-1', office), /^allowed/);
  t.match(await ask('stranger', '41', 'CHG-1', office), /forbidden by nobody-mints-for-people$/);
  t.match(
    await ask('deploy', '41', 'CHG-1', office),
    /forbidden by ci-only-for-automation, nobody-mints-for-people$/,
  );
  t.match(await ask('deploy', '32', 'INC-1', office), /forbidden by production-needs-a-change$/);
  t.match(await ask('deploy', '33', 'INC-1', office), /^allowed/);
  t.match(await ask('deploy', '7', 'CHG-1', office), /forbidden by nobody-mints-for-token-makers$/);
  for (const at of ['2026-01-05T17:00:00Z', '2026-01-05T06:59:59Z', '2026-01-10T10:00:00Z'])
    t.match(await ask('deploy', '32', 'CHG-1', at), /forbidden by office-hours$/, at);
  const { stdout } = await policyCommand('who-can', dir, '--admin', '7', '--csv');
  t.notMatch(stdout, /,(?:yes|depends),/, 'the review of a token maker says no in every row');
});

t.test('the recipe with @require asks for a reason, and is a bundle that the broker takes', async (t) => {
  const dir = guideBundle(t.testdir(), {
    'entities.yaml': recipeEntities,
    'policies/automation.cedar': recipe('ci-mints-for-production'),
    'tests/allow/ci-mints-for-automation.json': '{ "as": "ci:deploy", "admin": 32, "reason": "CHG-1" }',
  });
  t.match(await policyCommand('check', dir), { code: 0, stderr: '' });
  const who = ['--as', 'ci:deploy', '--admin', '32', '--reason'];
  t.equal(await verdict(dir, ...who, 'CHG-1'), 'allowed by ci-mints-for-production');
  t.match(await verdict(dir, ...who, ' '), /^refused, reason-required/);
});

t.test('the recipe for short-lived tokens is shown, with a note that it is not enforced', async (t) => {
  const dir = guideBundle(t.testdir(), { 'policies/automation.cedar': recipe('ci-mints-short-lived') });
  t.match(await policyCommand('check', dir), {
    code: 0,
    stderr:
      'policies/automation.cedar:2:1: note: @max_ttl is not enforced by this version: the broker refuses to load it',
  });
  const who = ['--as', 'ci:deploy', '--admin', '32'];
  t.match(await verdict(dir, ...who, '--ttl', '8h'), /^allowed/);
  t.match(await verdict(dir, ...who, '--ttl', '9h'), /^refused, ttl-too-long/);
  t.match((await policyCommand('explain', dir, ...who)).stdout, /the token would live for 28800 s/);
});

t.test('the guide’s claims are good, and a rule on them reads them', async (t) => {
  const [claims = ''] = blocksUnder('### Claims', 'cedarschema');
  const dir = guideBundle(t.testdir(), {
    'issuers.yaml': blocksUnder('### Claims', 'yaml').join(''),
    'schema.cedarschema': schema.replace('type Claims = {};\n', claims),
    'policies/automation.cedar': blocksUnder('### Claims', 'cedar').join(''),
  });
  t.match(await policyCommand('check', dir), { code: 0, stderr: '' });
  const ask = (repository: string, run: string) =>
    verdict(
      dir,
      ...['--as', 'ci:anybody', '--admin', '32'],
      ...['--claim', `repository_id=${repository}`, '--claim', `protected=${run}`],
    );
  t.match(await ask('42', 'true'), /^allowed/);
  t.equal(await ask('43', 'true'), 'refused, no-permit');
  t.equal(await ask('42', 'false'), 'refused, no-permit');
  t.equal(await ask('42', 'perhaps'), 'refused, claim-type');
});

t.test('a caller by certificate is a service of `mtls`, as the guide writes it', async (t) => {
  const [services = ''] = blocksUnder('### Client certificates', 'yaml');
  const dir = guideBundle(t.testdir(), {
    'entities.yaml': entities.replace('services:\n', services),
  });
  t.match(await policyCommand('check', dir), { code: 0, stderr: '' });
  const who = ['--as', 'mtls:spiffe://prod.example/ns/ci/sa/minter', '--admin', '32'];
  t.match(await verdict(dir, ...who), /^allowed/);
});
