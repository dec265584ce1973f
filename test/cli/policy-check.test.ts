import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { bundleWith, EXAMPLE, exampleWith, load } from '../policy/bundle.ts';
import { policyCommand } from './policy-commands.ts';

const P = 'policies/new.cedar';
const OBLIGED = '@id("a") @max_ttl("8h") permit (principal, action, resource == Admin::"32");';

t.test('a good bundle is told in one line, with its counts and its digest', async (t) => {
  const { digest } = await load(EXAMPLE);
  t.strictSame(await policyCommand('check', EXAMPLE), {
    code: 0,
    stdout: `ok: 4 policies, 1 service, 3 admins, 8 cases, digest ${digest}`,
    stderr: '',
  });
});

t.test('a service in no team is a warning, and does not fail', async (t) => {
  const entities = await exampleWith('entities.yaml', '    teams: [platform-automation]\n', '');
  const said = await policyCommand('check', await bundleWith(t.testdir(), { 'entities.yaml': entities }));
  t.equal(said.code, 0);
  t.match(
    said.stderr,
    /^entities\.yaml:11:5: warning: demo:replace-with-the-sub-of-your-service is in no team, and no policy names it$/m,
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
  t.match(lines[0], /^entities\.yaml:26:5: /);
  t.match(lines[1], /^policies\/new\.cedar:1:\d+: /);
  t.notMatch(said.stderr, '\u001b');
});

t.test('what this version does not enforce is a note, and does not fail', async (t) => {
  const dir = await bundleWith(t.testdir(), { [P]: OBLIGED });
  t.match(await policyCommand('check', dir), {
    code: 0,
    stdout: /^ok: /,
    stderr: `${P}:1:10: note: @max_ttl is not enforced by this version: the broker refuses to load it`,
  });
});

t.test('with --json faults, warnings and notes are an array on stdout, and stderr is empty', async (t) => {
  t.match(await policyCommand('check', '--json', EXAMPLE), { code: 0, stdout: '[]', stderr: '' });
  const teamless = await bundleWith(t.testdir({ a: {} }), {
    [P]: OBLIGED,
    'entities.yaml': await exampleWith('entities.yaml', '    teams: [platform-automation]\n', ''),
  });
  const good = await policyCommand('check', '--json', teamless);
  t.match(good, { code: 0, stderr: '' });
  t.match(JSON.parse(good.stdout), [
    { severity: 'warning', file: 'entities.yaml', line: 11, column: 5, reason: /is in no team/ },
    { severity: 'note', file: P, line: 1, column: 10, reason: /^@max_ttl is not enforced/ },
  ]);

  const name = 'policies/\u202ecedar';
  const dir = await bundleWith(t.testdir(), { [name]: '' });
  const bad = await policyCommand('check', dir, '--json');
  t.match(bad, { code: 1, stderr: '' });
  t.notMatch(bad.stdout, '\u202e');
  t.match(JSON.parse(bad.stdout), [{ severity: 'error', file: name, line: 1, column: 1 }]);
});

t.test('the cases of a bundle are checked, and are not part of its digest', async (t) => {
  const dir = await bundleWith(t.testdir());
  mkdirSync(join(dir, 'tests/other'));
  writeFileSync(join(dir, 'tests/allow/broken.json'), '{');
  t.equal((await load(dir)).digest, (await load(EXAMPLE)).digest);
  const said = await policyCommand('check', dir);
  t.match(said, { code: 1, stdout: '' });
  t.match(said.stderr, /^tests\/allow\/broken\.json:1:2: is not JSON: .*\ntests\/other:1:1: cases belong in/);
  const json = await policyCommand('check', dir, '--json');
  t.match(JSON.parse(json.stdout), [{ severity: 'error' }, { severity: 'error' }]);
});

t.test('colours are for terminals, can be forced and forbidden, and are never in JSON', async (t) => {
  const dir = await bundleWith(t.testdir(), { [P]: OBLIGED });
  const run = (env: Record<string, string>, ...words: string[]) => {
    const program = [projectFile('src/main.ts'), 'policy', 'check', dir, ...words];
    const { stdout, stderr } = spawnSync(process.execPath, program, {
      env,
      encoding: 'utf8',
      timeout: 20_000,
    });
    return stdout + stderr;
  };
  const forced = run({ FORCE_COLOR: '1' });
  t.match(forced, '\u001b[32mok:\u001b[39m 5 policies');
  t.match(forced, `${P}:1:10: \u001b[33mnote:\u001b[39m @max_ttl is`);
  t.notMatch(run({}), '\u001b', 'not a terminal');
  t.notMatch(run({ NO_COLOR: '1', TERM: 'xterm-256color' }), '\u001b');
  t.notMatch(run({ FORCE_COLOR: '1' }, '--json'), '\u001b');
});
