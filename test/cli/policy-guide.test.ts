import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { policyCommand } from './policy-commands.ts';

const guide = readFileSync(projectFile('docs/policy.md'), 'utf8');
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);

const [issuers = '', entities = ''] = blocks('yaml');
const [step = '', ...recipes] = blocks('cedar');
const [allowed = '', refused = ''] = blocks('json');

/** The bundle that the guide makes from an empty folder, with `policies` beside its own and admin 32 in production too. */
function guideBundle(dir: string, policies: readonly string[]): string {
  for (const name of ['policies', 'tests/allow', 'tests/deny'])
    mkdirSync(join(dir, name), { recursive: true });
  copyFileSync(projectFile('examples/policy/schema.cedarschema'), join(dir, 'schema.cedarschema'));
  const files = {
    'issuers.yaml': issuers,
    'entities.yaml':
      policies.length === 0
        ? entities
        : entities.replaceAll('[automation-users]', '[automation-users, production]'),
    'policies/automation.cedar': step,
    'policies/recipes.cedar': policies.join('\n'),
    'tests/allow/ci-mints-for-automation.json': allowed,
    'tests/deny/strangers-mint-nothing.json': refused,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

t.test('the bundle that the guide makes from an empty folder is good, and its cases hold', async (t) => {
  const dir = guideBundle(t.testdir(), []);
  t.match(await policyCommand('check', dir), {
    code: 0,
    stdout: /^ok: 1 policy, 1 service, 1 admin,/,
    stderr: '',
  });
  t.match(await policyCommand('test', dir), { code: 0, stdout: /2 passed, 0 failed$/ });
});

t.test('the guide’s recipes are good policies and do what they say', async (t) => {
  t.equal(recipes.length, 4);
  const anybody = '@id("anybody") permit (principal, action, resource);';
  const dir = guideBundle(t.testdir(), [anybody, ...recipes]);
  t.match(await policyCommand('check', dir), { code: 0, stderr: '' });
  const ask = async (subject: string, admin: string, reason: string, at: string) =>
    (
      await policyCommand(
        'explain',
        dir,
        ...['--as', `ci:${subject}`, '--admin', admin, '--reason', reason, '--at', at],
      )
    ).stdout.split('\n')[0];
  const office = '2026-01-05T16:59:59Z';
  t.match(await ask('deploy', '32', 'CHG-1', office), /^allowed/);
  t.match(await ask('stranger', '32', 'CHG-1', office), /^allowed/);
  t.match(await ask('stranger', '41', 'CHG-1', office), /forbidden by nobody-mints-for-people$/);
  t.match(
    await ask('deploy', '41', 'CHG-1', office),
    /forbidden by ci-only-for-automation, nobody-mints-for-people$/,
  );
  t.match(await ask('deploy', '32', 'INC-1', office), /forbidden by production-needs-a-change$/);
  for (const at of ['2026-01-05T17:00:00Z', '2026-01-05T06:59:59Z', '2026-01-10T10:00:00Z'])
    t.match(await ask('deploy', '32', 'CHG-1', at), /forbidden by office-hours$/, at);
});
