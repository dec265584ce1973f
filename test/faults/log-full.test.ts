import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import t from 'tap';
import { NODE_FLAGS } from '../../demo/broker.ts';
import { freePort, killWhenOrphaned } from '../../demo/openbao/process.ts';
import { projectFile } from '../../src/project-files.ts';
import { startStack, until } from '../support/stack.ts';

const withoutFull = existsSync('/dev/full') ? false : 'there is no /dev/full';

t.test('A log that cannot be written costs its lines and nothing else', { skip: withoutFull }, async (t) => {
  const stack = await startStack(t);
  await stack.broker.stop();
  const earlier = (await stack.records()).length;
  const url = `http://127.0.0.1:${await freePort()}`;
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [...NODE_FLAGS, projectFile('src/main.ts')], {
    env: { ...stack.settings, LISTEN: new URL(url).host, LOG_LEVEL: 'debug' },
    stdio: ['ignore', full, 'inherit'],
  });
  closeSync(full);
  await once(child, 'spawn');
  if (child.pid === undefined) throw new Error('the broker started without a process id');
  const mourner = killWhenOrphaned(child.pid);
  const ended = once(child, 'exit').finally(() => mourner.kill('SIGKILL'));
  t.teardown(() => child.kill('SIGKILL'));
  const ready = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200;
  await until(async () => child.exitCode !== null || (await ready()), 'the broker to be ready');

  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`${url}/admins/32/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.callerJwt}`, 'content-type': 'application/json' },
      body: JSON.stringify({ note: 'x'.repeat(100) }),
    });
    t.equal(answer.status, 201);
    await answer.arrayBuffer();
  }
  child.kill('SIGTERM');
  t.strictSame(await ended, [0, null], 'it ends in order');

  const records = (await stack.records()).slice(earlier);
  const count = (kind: string) => records.filter((record) => record.kind === kind).length;
  t.strictSame(['intent', 'outcome', 'delivery'].map(count), [20, 20, 20]);
  t.ok(records.every((record) => record.kind !== 'outcome' || record.outcome === 'minted'));
  t.ok(records.every((record) => record.kind !== 'delivery' || record.delivery === 'delivered'));
  t.match(records.at(-1), { kind: 'system', event: 'stop', detail: { inFlight: 0, pendingEnds: 0 } });
});
