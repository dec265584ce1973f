import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { bundleWith, EXAMPLE } from '../policy/bundle.ts';
import { policyCommand, SERVICE } from './policy-commands.ts';

/** Runs the program itself with an empty environment, to its end. */
async function run(...words: string[]) {
  const child = spawn(process.execPath, [projectFile('src/main.ts'), ...words], {
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.signalCode ?? child.exitCode, stdout, stderr };
}

t.test('the program runs the commands without any settings, and ends with their exit codes', async (t) => {
  t.match(await run('policy', 'check', EXAMPLE), { code: 0, stdout: /^ok: / });
  t.match(await run('policy', 'test', EXAMPLE), { code: 0, stdout: /8 passed, 0 failed\n$/, stderr: '' });
  t.match(await run('policy', 'explain', EXAMPLE, '--as', SERVICE, '--admin', '32'), {
    code: 0,
    stdout: /^allowed/,
    stderr: '',
  });
  const broken = await bundleWith(t.testdir(), {
    'policies/new.cedar': 'permit (principal, action, resource);',
  });
  t.match(await run('policy', 'check', broken), {
    code: 1,
    stdout: '',
    stderr: /^policies\/new\.cedar:1:\d+: .*\n$/,
  });
  t.match(await run('policy', 'chek', EXAMPLE), { code: 64, stdout: '', stderr: 'unknown command: chek' });
});

t.test('help names every command and flag, wherever it is asked for', async (t) => {
  const help = await policyCommand('--help');
  t.match(help, { code: 0, stderr: '' });
  const flags = ['as', 'admin', 'note', 'status', 'type', 'reason', 'from', 'at', 'json'];
  for (const flag of flags) t.match(help.stdout, new RegExp(`^ +--${flag} `, 'm'), flag);
  for (const command of ['check', 'test', 'explain']) t.match(help.stdout, new RegExp(`^${command} `, 'm'));
  t.strictSame(await policyCommand('explain', '-h'), help);
  t.match(await run('--help'), { code: 0, stdout: 'lm-token-broker policy …' });
});

t.test('wrong words end in 64, with the usage on stderr', async (t) => {
  const cases: [string[], string][] = [
    [[], 'a command is missing'],
    [['who'], 'unknown command: who'],
    [['check'], 'DIR is missing'],
    [['check', 'a', 'b'], 'unexpected: b'],
    [['check', 'a', '--json=1'], '--json'],
    [['test', 'a', '--json'], '--json'],
  ];
  for (const [words, said] of cases) {
    const answer = await policyCommand(...words);
    t.match(answer, { code: 64, stdout: '', stderr: said }, words.join(' '));
    t.match(answer.stderr, /^Usage: /m);
  }
});
