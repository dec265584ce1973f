import { readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { isProblem } from '../support/problem.ts';
import { startStack, until } from '../support/stack.ts';

/** What somebody does to the log of a running broker, and the way to put it right. */
const DAMAGES: Record<string, (file: string) => Promise<() => Promise<void>>> = {
  removed: async (file) => {
    await rename(file, `${file}.away`);
    return () => rename(`${file}.away`, file);
  },
  replaced: async (file) => {
    const content = await readFile(file);
    await rename(file, `${file}.away`);
    await writeFile(file, content);
    return () => rename(`${file}.away`, file);
  },
  truncated: async (file) => {
    const content = await readFile(file);
    await truncate(file, 0);
    return () => writeFile(file, content);
  },
  'cut to its last lines': async (file) => {
    const content = await readFile(file);
    await truncate(file, content.length - 10);
    return () => writeFile(file, content);
  },
};

t.test('A log that something else has damaged stops all minting until an operator acts', async (t) => {
  const stack = await startStack(t);
  for (const [how, damage] of Object.entries(DAMAGES)) {
    t.equal((await stack.mint(32)).status, 201, `before it is ${how}`);
    const made = stack.simulator.state().requests;
    await until(async () => (await stack.records()).at(-1)?.kind === 'delivery', 'the last record');
    const restore = await damage(join(stack.auditDir, 'audit.jsonl'));
    const answer = await stack.mint(32);
    isProblem(t, answer, 'audit-unavailable', { mustAct: true });
    isProblem(t, await stack.mint(32), 'audit-unavailable', { mustAct: true });
    t.equal(stack.simulator.state().requests, made, `${how}: nothing was sent to LM`);
    t.match(
      await stack.get('/readyz'),
      { status: 503, body: { status: 'unready', parts: { audit: 'failed' } } },
      how,
    );
    const metrics = await (await fetch(`${stack.broker.privateUrl}/metrics`)).text();
    t.match(metrics, /^lmtb_audit_writable 0$/m, `${how}: an alarm for the operator`);
    await stack.broker.stop();
    await restore();
    await stack.restart();
  }
  t.equal((await stack.mint(32)).status, 201);
});
