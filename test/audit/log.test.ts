import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  delivery,
  freshMintId,
  gapless,
  gate,
  intent,
  kindsOf,
  linesOf,
  notSent,
  outcome,
  reasonOf,
  request,
  started,
  testLog,
  until,
} from './support.ts';

t.test('a durable record is in the file when its promise resolves', async (t) => {
  const dir = join(t.testdir(), 'made', 'here');
  const { log, disk } = await testLog(t, { dir });
  await log.durable(intent());
  t.strictSame(kindsOf(dir), ['intent']);
  t.equal(disk.datasyncs, 1);
  t.equal(statSync(dir).mode & 0o777, 0o700);
  t.equal(statSync(join(dir, 'audit.jsonl')).mode & 0o777, 0o600);
  t.equal(statSync(join(dir, 'lock.db')).mode & 0o777, 0o600);
  const size = statSync(join(dir, 'audit.jsonl')).size;
  t.match(log.state(), { ok: true, reason: null, size, seq: 1, queued: 0, owed: 0, openIntents: 1 });
});

t.test('what comes while a batch is under way goes to the disk in one batch after it', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir });
  const slow = gate();
  disk.onDatasync = () => slow.opened;
  const first = log.durable(intent());
  await until(() => disk.datasyncs === 1);
  const others = Array.from({ length: 40 }, () => log.durable(intent()));
  log.soon(delivery(freshMintId()));
  slow.open();
  await Promise.all([first, ...others]);
  t.equal(disk.datasyncs, 2);
  t.equal(kindsOf(dir).length, 42, 'the one that nobody waits for rode along');
  t.ok(gapless(dir));
});

t.test('a record that nobody waits for is written within about 100 ms', async (t) => {
  const dir = t.testdir();
  const { log } = await testLog(t, { dir });
  const since = performance.now();
  log.soon(request());
  await until(() => log.state().seq === 1);
  t.ok(performance.now() - since < 500);
  t.strictSame(kindsOf(dir), ['request']);
});

t.test('an intent that waits too long is withdrawn, without a gap in the sequence', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir, writeTimeoutMs: 60 });
  const slow = gate();
  disk.onDatasync = () => slow.opened;
  const held = reasonOf(log.durable(started));
  await until(() => disk.datasyncs === 1);
  const withdrawn = intent();
  t.equal(await reasonOf(log.durable(withdrawn, notSent(withdrawn.mintId))), 'late');
  t.equal(await held, 'late');
  t.match(log.state(), { ok: false, reason: 'late' });
  t.equal(await reasonOf(log.durable(intent())), 'late', 'the next one is refused at once');
  slow.open();
  await until(() => log.state().ok);
  await log.durable(intent());
  t.strictSame(kindsOf(dir), ['system', 'intent']);
  t.ok(gapless(dir));
  t.equal(log.state().openIntents, 1);
});

t.test('an intent that reaches the disk after its deadline is followed by its outcome at once', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir, writeTimeoutMs: 60 });
  const slow = gate();
  disk.onDatasync = () => slow.opened;
  const late = intent();
  t.equal(await reasonOf(log.durable(late, notSent(late.mintId))), 'late');
  slow.open();
  await until(() => log.state().seq === 2);
  t.match(linesOf(dir), [
    { kind: 'intent', mintId: late.mintId },
    { kind: 'outcome', mintId: late.mintId, outcome: 'not-sent' },
  ]);
  t.equal(log.state().openIntents, 0);
});

t.test('an outcome that is late stays owed and is written once', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir, writeTimeoutMs: 60 });
  const slow = gate();
  disk.onDatasync = () => slow.opened;
  const held = reasonOf(log.durable(started));
  await until(() => disk.datasyncs === 1);
  const mintId = freshMintId();
  t.equal(await reasonOf(log.durable(outcome(mintId))), 'late');
  t.equal(await held, 'late');
  t.match(log.state(), { queued: 1, owed: 1 });
  slow.open();
  await log.flush();
  t.strictSame(kindsOf(dir), ['system', 'outcome']);
});

t.test('intents are refused long before what running mints owe could fill the queue', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir, maxQueued: 20 });
  const slow = gate();
  disk.onDatasync = () => slow.opened;
  const first = log.durable(intent());
  await until(() => disk.datasyncs === 1);
  const waiting = Array.from({ length: 10 }, () => log.durable(intent()));
  t.equal(await reasonOf(log.durable(intent())), 'queue-full');
  log.soon(request());
  const owed = Array.from({ length: 30 }, () => log.durable(outcome(freshMintId())));
  slow.open();
  await Promise.all([first, ...waiting, ...owed]);
  t.equal(kindsOf(dir).length, 41, 'all that was owed, and not the request');
  await log.close();
  t.match(linesOf(dir).at(-1), {
    kind: 'refusals',
    counts: [{ cause: 'unrecorded:policy-denied', count: 1 }],
  });
});

t.test('close writes what is left, and a record after it is told to the operator', async (t) => {
  const dir = t.testdir();
  const { log, heard } = await testLog(t, { dir });
  log.soon(delivery(freshMintId()));
  await log.close();
  t.strictSame(kindsOf(dir), ['delivery']);
  t.equal(await reasonOf(log.durable(outcome(freshMintId()))), 'closed');
  log.soon(request());
  t.strictSame(heard.warnings(), Array(2).fill('an audit record came after the log was closed'));
});

t.test('throughput with 32 in flight', async (t) => {
  const dir = t.testdir();
  const { log } = await testLog(t, { dir });
  const [since, cpu] = [performance.now(), process.cpuUsage()];
  const each = 250;
  const caller = async () => {
    for (let i = 0; i < each; i++) await log.durable(intent());
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  const { user, system } = process.cpuUsage(cpu);
  const count = 32 * each;
  const perSecond = Math.round((count / (performance.now() - since)) * 1000);
  t.comment(`${perSecond} durable records a second, ${Math.round((user + system) / count)} µs CPU each`);
  t.equal(log.state().seq, count);
  t.ok(gapless(dir));
});
