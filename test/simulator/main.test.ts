import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { call, control, ROOT } from './lm-client.ts';

const MAIN = fileURLToPath(new URL('../../simulator/main.ts', import.meta.url));

function run(t: Test, args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function listening(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<string> {
  const [line]: unknown[] = await once(createInterface(child.stdout), 'line');
  return (
    /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(String(line))?.[1] ?? `unexpected line: ${String(line)}`
  );
}

t.test(
  'the process says where it listens and ends at once, on SIGTERM and SIGINT, with a request open',
  async (t) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const child = run(t, []);
      const url = await listening(child);
      t.equal((await call(url, 'GET', '/setting/admins')).status, 200, 'the example key signs');
      await control(url, 'POST', 'faults', { kind: 'delayAfterCommit', ms: 3_600_000 });
      const open = call(url, 'POST', '/setting/admins/32/apitokens', {});
      const cut = t.rejects(open);
      while ((await control(url, 'GET', 'state')).body['requests'] !== 2);
      child.kill(signal);
      const [code]: unknown[] = await once(child, 'exit');
      t.equal(code, 0);
      await cut;
    }
  },
);

t.test('keys and settings come from flags, the environment or a file', async (t) => {
  const folder = t.testdir({ keys: '33:file:k:e:y\n7:second:k2\n' });
  const key = { accessId: 'file', accessKey: 'k:e:y' };
  for (const [args, env] of [
    [['--key', '33:file:k:e:y', '--settings', '{"limits":"off"}'], {}],
    [[], { SIM_KEYS: '33:file:k:e:y 7:second:k2', SIM_SETTINGS: '{"limits":"off"}' }],
    [[], { SIM_KEYS_FILE: `${folder}/keys`, SIM_SETTINGS: '{"limits":"off"}' }],
  ] as [string[], Record<string, string>][]) {
    const url = await listening(run(t, args, env));
    const reply = await call(url, 'GET', '/setting/admins/33/apitokens', undefined, { key });
    t.match(reply, { status: 200, headers: { 'x-rate-limit-limit': '1000000' } });
    t.equal((await call(url, 'GET', '/setting/admins', undefined, { key: ROOT })).status, 401);
  }
});

t.test('a setting that does not fit ends it with 2 and says how it is used', async (t) => {
  for (const args of [['--nonsense'], ['--key', 'x'], ['--settings', '{"lockAfter":-1}'], ['--port', 'x']]) {
    const child = run(t, args);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    t.equal(code, 2, args.join(' '));
    t.match(said, /SIM_LISTEN_PORT/);
  }
});
