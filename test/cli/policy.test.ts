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
  t.match(await run('policy', 'who-can', EXAMPLE, '--admin', '32', '--csv'), {
    code: 0,
    stdout: /^action,admin,.*\r\nmintToken,32,.*\r\n$/s,
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

t.test('help lists every command, and each command tells its own flags', async (t) => {
  const list = await policyCommand('--help');
  t.match(list, { code: 0, stderr: '' });
  const flags = {
    check: ['json'],
    test: [],
    explain: ['as', 'admin', 'note', 'status', 'type', 'reason', 'from', 'at', 'json'],
    'who-can': ['admin', 'action', 'json', 'csv'],
    'what-can': ['as', 'action', 'json', 'csv'],
  };
  for (const [command, its] of Object.entries(flags)) {
    t.match(list.stdout, new RegExp(`^  ${command} +[a-z]`, 'm'));
    const help = await policyCommand(command, 'DIR', '--help');
    t.match(help, { code: 0, stderr: '' });
    t.ok(help.stdout.startsWith(`Usage: lm-token-broker policy ${command} DIR`), help.stdout);
    for (const flag of its) t.match(help.stdout, new RegExp(`^  --${flag} `, 'm'), `${command} --${flag}`);
    t.strictSame(await policyCommand(command, '-h'), help);
  }
  t.strictSame(await policyCommand('-h'), list);
  t.match(await run('--help'), { code: 0, stdout: 'lm-token-broker policy …' });
});

t.test('after -- a word is no flag', async (t) => {
  t.match(await policyCommand('check', '--', '--help'), { code: 1, stdout: '' });
});

t.test('wrong words end in 64, with the usage of what was asked for on stderr', async (t) => {
  const cases: [string[], string, string][] = [
    [[], 'a command is missing', 'COMMAND'],
    [['who'], 'unknown command: who\n', 'COMMAND'],
    [['chekc'], 'unknown command: chekc; did you mean check?', 'COMMAND'],
    [['constructor'], 'unknown command: constructor\n', 'COMMAND'],
    [['check'], 'DIR is missing', 'check DIR'],
    [['check', 'a', 'b'], 'unexpected: b', 'check DIR'],
    [['check', 'a', '--json=1'], '--json', 'check DIR'],
    [['check', 'a', '--jsno'], "Unknown option '--jsno'; did you mean --json?", 'check DIR'],
    [['check', 'a', '--nothing-like-it'], "Unknown option '--nothing-like-it'\n", 'check DIR'],
  ];
  for (const [words, said, usage] of cases) {
    const answer = await policyCommand(...words);
    t.match(answer, { code: 64, stdout: '', stderr: said }, words.join(' '));
    t.match(answer.stderr, `\nUsage: lm-token-broker policy ${usage}`);
    t.match(answer.stderr, /\nTry: lm-token-broker policy .*--help$/);
  }
});
