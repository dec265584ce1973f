import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { NODE_FLAGS } from '../../demo/broker.ts';
import { projectFile } from '../../src/project-files.ts';
import { startStack, untilStatus } from '../support/stack.ts';

const NAMESPACE = ['--pid', '--fork', '--kill-child'];
const permitted = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

t.test(
  'as process 1 of a PID namespace, which it is in its image, SIGTERM ends it in order',
  { skip: !permitted && 'no PID namespace may be made here' },
  async (t) => {
    const stack = await startStack(t);
    const child = spawn(
      'unshare',
      [...NAMESPACE, process.execPath, ...NODE_FLAGS, projectFile('src/main.ts')],
      {
        env: {
          ...stack.settings,
          PATH: process.env['PATH'],
          AUDIT_DIR: join(stack.auditDir, '..', 'audit-of-first'),
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.teardown(() => child.kill('SIGKILL'));
    let url = '';
    for await (const line of createInterface(child.stdout)) {
      ({ url = '' } = JSON.parse(line));
      if (url !== '') break;
    }
    child.stdout.resume();
    await untilStatus(url, 200);
    const broker = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'));
    t.match(readFileSync(`/proc/${broker}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m, 'it is process 1 in there');

    process.kill(broker, 'SIGTERM');
    const [code] = await once(child, 'exit');
    t.equal(code, 0);
  },
);
