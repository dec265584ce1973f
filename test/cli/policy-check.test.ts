import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bundleWith, EXAMPLE, exampleWith, load } from '../policy/bundle.ts';
import { policyCommand } from './policy-commands.ts';

t.test('a good bundle is told in one line, with its counts and its digest', async (t) => {
  const { digest } = await load(EXAMPLE);
  t.strictSame(await policyCommand('check', EXAMPLE), {
    code: 0,
    stdout: `ok: 4 policies, 1 service, 3 admins, digest ${digest}`,
    stderr: 'entities.yaml:24:5: warning: admin 41 is in no group',
  });
});

t.test('a service in no team is a warning, and does not fail', async (t) => {
  const entities = await exampleWith('entities.yaml', '    teams: [platform-automation]\n', '');
  const said = await policyCommand('check', await bundleWith(t.testdir(), { 'entities.yaml': entities }));
  t.equal(said.code, 0);
  t.match(
    said.stderr,
    /^entities\.yaml:10:5: warning: demo:replace-with-the-sub-of-your-service is in no team$/m,
  );
});

t.test('each fault is one line on stderr with its place, and cannot move a terminal’s cursor', async (t) => {
  const dir = await bundleWith(t.testdir(), {
    'policies/new.cedar': '@id("a") permit (principal, action, resource) when { context.note == \u001b[2J };',
    'entities.yaml': await exampleWith('entities.yaml', 'id: 41', 'id: 0'),
  });
  const said = await policyCommand('check', dir);
  t.equal(said.code, 1);
  t.equal(said.stdout, '');
  const lines = said.stderr.split('\n');
  t.equal(lines.length, 2);
  t.match(lines[0], /^entities\.yaml:24:5: /);
  t.match(lines[1], /^policies\/new\.cedar:1:\d+: /);
  t.notMatch(said.stderr, '\u001b');
});

t.test('with --json faults and warnings are an array on stdout, and stderr is empty', async (t) => {
  const good = await policyCommand('check', '--json', EXAMPLE);
  t.match(good, { code: 0, stderr: '' });
  t.strictSame(JSON.parse(good.stdout), [
    { severity: 'warning', file: 'entities.yaml', line: 24, column: 5, reason: 'admin 41 is in no group' },
  ]);

  const name = 'policies/\u202ecedar';
  const dir = await bundleWith(t.testdir(), { [name]: '' });
  const bad = await policyCommand('check', dir, '--json');
  t.match(bad, { code: 1, stderr: '' });
  t.notMatch(bad.stdout, '\u202e');
  t.match(JSON.parse(bad.stdout), [{ severity: 'error', file: name, line: 1, column: 1 }]);
});

t.test('the tests of a bundle are neither checked nor part of its digest', async (t) => {
  const dir = await bundleWith(t.testdir());
  mkdirSync(join(dir, 'tests/other'));
  writeFileSync(join(dir, 'tests/allow/broken.json'), '{');
  t.equal((await load(dir)).digest, (await load(EXAMPLE)).digest);
  t.equal((await policyCommand('check', dir)).code, 0);
});
