import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { walkLines } from '../../src/audit/lines.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { gapless, Heard, intent, kindsOf, linesOf, outcome, started, testLog } from './support.ts';

const open = (dir: string) => openAuditLog({ dir, minFreeBytes: 0 }, { events: new Heard() });

t.test('a log goes on where it ended, and knows which intents have no outcome', async (t) => {
  const dir = t.testdir();
  const [done, pending] = [intent(), intent()];
  const first = await open(dir);
  await first.durable(done);
  await first.durable(pending);
  await first.durable(outcome(done.mintId));
  const [before] = first.openIntents();
  await first.close();
  const { log } = await testLog(t, { dir });
  t.strictSame(log.openIntents(), [before]);
  t.match(before, { mintId: pending.mintId, adminId: 32, time: String(linesOf(dir)[1]?.['time']) });
  await log.durable(outcome(pending.mintId));
  t.strictSame(log.openIntents(), []);
  t.strictSame(kindsOf(dir), ['intent', 'intent', 'outcome', 'outcome']);
  t.ok(gapless(dir));
});

t.test('a torn last line is moved to a file of its own and that is recorded', async (t) => {
  const dir = t.testdir();
  const first = await open(dir);
  await first.durable(intent());
  await first.close();
  const torn = '{"v":1,"seq":1,"time":"2026-11-';
  appendFileSync(join(dir, 'audit.jsonl'), torn);
  const { log } = await testLog(t, { dir });
  await log.durable(intent());
  t.strictSame(kindsOf(dir), ['intent', 'system', 'intent']);
  t.ok(gapless(dir));
  const detail = Object(linesOf(dir)[1]?.['detail']);
  const sha256 = createHash('sha256').update(torn).digest('hex');
  t.match(detail, { reason: 'torn', length: torn.length, sha256, movedTo: /^audit\.torn-[\dTZ.-]+\.bin$/ });
  t.equal(readFileSync(join(dir, detail.movedTo), 'utf8'), torn);
});

t.test('a log that something else has changed stops the start, with the line', async (t) => {
  const dir = t.testdir();
  const path = join(dir, 'audit.jsonl');
  const first = await open(dir);
  for (let i = 0; i < 5; i++) await first.durable(intent());
  await first.close();
  const lines = readFileSync(path, 'utf8').split('\n');
  const cases: [string, (lines: string[]) => string[], RegExp][] = [
    ['a line that is not JSON', (lines) => lines.with(2, 'garbage'), /line 3 is not a JSON object/],
    ['an empty line', (lines) => lines.toSpliced(2, 0, ''), /line 3 is not a JSON object/],
    ['a line that is gone', (lines) => lines.toSpliced(2, 1), /line 3 should have the seq 2/],
    [
      'a line that stands twice',
      (lines) => lines.toSpliced(2, 0, lines[1] ?? ''),
      /line 3 should have the seq 2/,
    ],
    ['another version', (lines) => lines.with(0, '{"v":2,"seq":0}'), /line 1 has an unknown version/],
    ['null', (lines) => lines.with(4, 'null'), /line 5 is not a JSON object/],
  ];
  for (const [name, change, message] of cases) {
    const changed = change(lines).join('\n');
    writeFileSync(path, changed);
    await t.rejects(open(dir), { message }, name);
    t.equal(readFileSync(path, 'utf8'), changed, 'and the file is left as it is');
  }
  writeFileSync(path, lines.join('\n'));
  const again = await open(dir);
  t.equal(again.state().seq, 5, 'the lock was let go each time');
  await again.close();
});

t.test('lines are the same however the chunks fall', async (t) => {
  const bytes = Buffer.from(`a\nbb\n\nä\u2028ö\n${'long'.repeat(50)}\ntail`);
  const whole = bytes.toString().split('\n').slice(0, -1);
  for (let chunk = 1; chunk <= 40; chunk++) {
    const lines: string[] = [];
    const read = async (into: Uint8Array, position: number) =>
      bytes.copy(into, 0, position, Math.min(bytes.length, position + into.length));
    t.equal(
      await walkLines(read, bytes.length, (line) => lines.push(line.toString()), chunk),
      bytes.length - 4,
    );
    t.strictSame(lines, whole);
  }
});

t.test('a second process is refused at once, and the first goes on', async (t) => {
  const dir = t.testdir();
  const { log } = await testLog(t, { dir });
  const second = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), dir]);
  t.teardown(() => second.kill('SIGKILL'));
  let told = '';
  second.stderr.on('data', (chunk) => {
    told += chunk;
  });
  const [code] = await once(second, 'close');
  t.not(code, 0);
  t.match(told, /AUDIT_DIR .*: another process writes the audit log there/);
  await t.rejects(open(dir), /another process/, 'nor does this process open it twice');
  await log.durable(started);
});

t.test('after SIGKILL under load every acknowledged record is there and the log goes on', async (t) => {
  const dir = t.testdir();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const acknowledged: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    acknowledged.push(line);
    if (acknowledged.length === 2000) child.kill('SIGKILL');
  }
  const { log } = await testLog(t, { dir });
  const kept = new Set(log.openIntents().map(({ mintId }) => mintId));
  // The last line of a killed process's output may be half a line.
  const missing = acknowledged.filter((mintId) => mintId.length === 26 && !kept.has(mintId));
  t.strictSame(missing, []);
  await log.durable(intent());
  t.ok(gapless(dir));
});

t.test('a log that was cut while the broker was down goes on from what is whole', async (t) => {
  // Only signed checkpoints can show that records are missing at the end; what can be seen here is the torn line.
  const dir = t.testdir();
  const first = await open(dir);
  await first.durable(intent());
  await first.durable(intent());
  const { size } = first.state();
  await first.close();
  truncateSync(join(dir, 'audit.jsonl'), size - 10);
  const { log } = await testLog(t, { dir });
  await log.durable(intent());
  t.strictSame(kindsOf(dir), ['intent', 'system', 'intent']);
  t.ok(gapless(dir));
});
