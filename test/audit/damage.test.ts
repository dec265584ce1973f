import { copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freshMintId, gapless, intent, kindsOf, outcome, reasonOf, request, testLog } from './support.ts';

const damages = {
  removed: (path) => rmSync(path),
  replaced: (path) => {
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);
  },
  truncated: (path) => truncateSync(path, 0),
  grown: (path) => writeFileSync(path, '{"v":1}\n', { flag: 'a' }),
} satisfies Record<string, (path: string) => void>;

for (const [damage, damageIt] of Object.entries(damages)) {
  t.test(`a log that is ${damage} under the broker takes no further intent until a restart`, async (t) => {
    const dir = t.testdir();
    const path = join(dir, 'audit.jsonl');
    const { log, heard } = await testLog(t, { dir });
    await log.durable(intent());
    await log.durable(intent());
    const original = readFileSync(path);
    damageIt(path);
    t.equal(await reasonOf(log.durable(intent())), damage, 'noticed before the next token');
    t.equal(await reasonOf(log.durable(intent())), damage);
    const owed = outcome(freshMintId());
    t.equal(await reasonOf(log.durable(owed)), damage);
    log.soon(request());
    await t.rejects(log.flush());
    t.match(log.state(), { ok: false, reason: damage, seq: 2, queued: 1, owed: 1 });
    writeFileSync(path, original);
    t.equal(await reasonOf(log.durable(intent())), damage, 'putting it back is not enough');
    t.equal(heard.warnings().length, 1, 'told once');
    await log.close();
    t.match(heard.told.slice(1), [
      { message: 'an audit record could not be written', detail: { record: /"outcome"/ } },
      { message: 'an audit record could not be written', detail: { record: /unrecorded:policy-denied/ } },
    ]);
    t.ok(readFileSync(path).equals(original), 'nothing was written to it');
  });
}

t.test('a log that is cut in place to whole records is noticed as well', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'audit.jsonl');
  const { log } = await testLog(t, { dir });
  await log.durable(intent());
  await log.durable(intent());
  truncateSync(path, readFileSync(path).indexOf('\n') + 1);
  t.equal(await reasonOf(log.durable(intent())), 'truncated');
  t.strictSame(kindsOf(dir), ['intent']);
  t.ok(gapless(dir));
});
