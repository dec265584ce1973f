import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { policyCommand } from '../cli/policy-commands.ts';
import { BROKEN, brokenBundle, expectedOf, goodBundle } from './broken.ts';

t.test('the bundle that all broken ones are made from is good', async (t) => {
  t.match(await policyCommand('check', goodBundle(t.testdir())), { code: 0, stdout: /^ok: /, stderr: '' });
});

t.test('each broken bundle is refused with exactly what is wrong with it, and where', async (t) => {
  const dir = t.testdir();
  t.ok(BROKEN.length >= 25, `${BROKEN.length} broken bundles`);
  for (const name of BROKEN) {
    mkdirSync(join(dir, name));
    const { code, stdout, stderr } = await policyCommand('check', brokenBundle(join(dir, name), name));
    t.strictSame(
      { code, stdout, lines: stderr.split('\n') },
      { code: 1, stdout: '', lines: expectedOf(name) },
      name,
    );
    for (const line of expectedOf(name)) t.match(line, /^[\w/. -]+:[1-9][0-9]*:[1-9][0-9]*: \S/);
  }
});

for (const name of ['policy-id-twice-in-a-file', 'entities-key-twice', 'schema-missing', 'case-not-json']) {
  t.test(`the program itself refuses a broken bundle: ${name}`, async (t) => {
    const words = ['policy', 'check', brokenBundle(t.testdir(), name)];
    const child = spawn(process.execPath, [projectFile('src/main.ts'), ...words], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    t.strictSame(
      { code: child.exitCode, stdout, stderr },
      { code: 1, stdout: '', stderr: `${expectedOf(name).join('\n')}\n` },
    );
  });
}
