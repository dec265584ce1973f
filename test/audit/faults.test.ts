import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openAuditLog } from '../../src/audit/open.ts';
import { readRecords } from '../../src/audit/read.ts';
import {
  delivery,
  freshMintId,
  gapless,
  gate,
  Heard,
  intent,
  kindsOf,
  linesOf,
  ManualClock,
  outcome,
  reasonOf,
  request,
  started,
  systemError,
  testLog,
  until,
  wakefulClock,
} from './support.ts';

const tornIn = (dir: string): string[] => readdirSync(dir).filter((name) => name.startsWith('audit.torn-'));

t.test(
  'a disk that fills in mid-line refuses the intent, keeps what is owed, and heals by itself',
  async (t) => {
    const dir = t.testdir();
    const { log, disk, heard } = await testLog(t, { dir });
    await log.durable(started);
    let torn: Uint8Array = Buffer.alloc(0);
    let full = true;
    disk.onWrite = async (bytes, write) => {
      if (!full) return write(bytes);
      if (torn.length === 0) torn = bytes.slice(0, 150);
      return write(torn);
    };
    const mintId = freshMintId();
    const [refused, waiting] = [reasonOf(log.durable(intent())), log.durable(outcome(mintId))];
    log.soon(request());
    t.equal(await refused, 'SHORT_WRITE');
    t.match(log.state(), { ok: false, reason: 'SHORT_WRITE', seq: 1, owed: 1 });
    t.equal(await reasonOf(log.durable(intent())), 'SHORT_WRITE', 'refused at once');
    log.soon(delivery(mintId));
    full = false;
    await waiting;
    t.match(linesOf(dir), [
      { kind: 'system', event: 'start' },
      { kind: 'system', event: 'recovered', detail: { reason: 'SHORT_WRITE', length: 150 } },
      { kind: 'outcome', mintId },
      { kind: 'delivery', mintId },
    ]);
    t.ok(gapless(dir));
    const [name = ''] = tornIn(dir);
    const kept = readFileSync(join(dir, name));
    t.ok(kept.equals(torn));
    t.equal(tornIn(dir).length, 1, 'one, although several tries failed');
    t.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
    const sha256 = createHash('sha256').update(kept).digest('hex');
    t.match(linesOf(dir)[1], { detail: { sha256, movedTo: name } });
    t.equal(log.state().ok, true);
    t.equal(heard.warnings().length, 1, 'told once');
    await log.close();
    t.match(linesOf(dir).at(-1), { kind: 'refusals', counts: [{ cause: 'unrecorded:policy-denied' }] });
  },
);

t.test(
  'after a failed fdatasync nothing of its batch counts, and the log is cut before it goes on',
  async (t) => {
    const dir = t.testdir();
    const { log, disk } = await testLog(t, { dir });
    const before = intent();
    await log.durable(before);
    const { size } = log.state();
    disk.onDatasync = async () => {
      disk.onDatasync = async () => undefined;
      throw systemError('EIO');
    };
    const lost = intent();
    const mintId = freshMintId();
    const owed = log.durable(outcome(mintId));
    t.equal(await reasonOf(log.durable(lost)), 'EIO');
    t.equal(log.state().size, size);
    await owed;
    t.match(linesOf(dir), [
      { kind: 'intent', mintId: before.mintId },
      { kind: 'system', event: 'recovered', detail: { reason: 'EIO', movedTo: null } },
      { kind: 'outcome', mintId },
    ]);
    t.strictSame(tornIn(dir), [], 'the batch was whole records');
    t.ok(gapless(dir));
    t.notMatch(readFileSync(join(dir, 'audit.jsonl'), 'utf8'), lost.mintId);
    t.strictSame(
      log.openIntents().map((open) => open.mintId),
      [before.mintId],
    );
  },
);

t.test(
  'a log that can be opened for reading only for a while is tried until it can be written',
  async (t) => {
    const dir = t.testdir();
    const { log, disk } = await testLog(t, { dir });
    let tries = 0;
    disk.onWrite = async () => {
      throw systemError('EROFS');
    };
    disk.onOpen = async () => {
      tries += 1;
      if (tries < 4) throw systemError('EROFS');
      disk.onWrite = (bytes, write) => write(bytes);
    };
    t.equal(await reasonOf(log.durable(intent())), 'EROFS');
    await until(() => log.state().ok);
    t.equal(tries, 4);
    await log.durable(intent());
    t.strictSame(kindsOf(dir), ['system', 'intent']);
    t.match(linesOf(dir)[0], { event: 'recovered', detail: { reason: 'EROFS', length: 0 } });
  },
);

t.test('an intent that was late and whose batch then fails leaves no trace', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir, writeTimeoutMs: 60 });
  const slow = gate();
  disk.onDatasync = async () => {
    disk.onDatasync = async () => undefined;
    await slow.opened;
    throw systemError('EIO');
  };
  const late = intent();
  t.equal(await reasonOf(log.durable(late, outcome(late.mintId))), 'late');
  slow.open();
  await until(() => log.state().ok);
  t.strictSame(kindsOf(dir), ['system']);
  t.strictSame(log.openIntents(), []);
});

t.test('whatever fails under load, what was acknowledged is there once and the rest is not', async (t) => {
  const dir = t.testdir();
  const { log, disk } = await testLog(t, { dir });
  let writes = 0;
  disk.onWrite = async (bytes, write) => {
    writes += 1;
    return write(writes % 9 === 4 ? bytes.subarray(0, bytes.length - 40) : bytes);
  };
  disk.onDatasync = async () => {
    if (disk.datasyncs % 7 === 5) throw systemError('EIO');
  };
  const expected: string[] = [];
  let refused = 0;
  const caller = async () => {
    for (let i = 0; i < 10; i++) {
      await until(() => log.state().ok);
      const event = intent();
      const { mintId } = event;
      if ((await reasonOf(log.durable(event))) === 'durable') {
        await log.durable(outcome(mintId));
        log.soon(delivery(mintId));
        expected.push(`intent ${mintId}`, `outcome ${mintId}`, `delivery ${mintId}`);
      } else refused += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, caller));
  await log.flush();
  const records = await readRecords(join(dir, 'audit.jsonl'));
  const found = records.flatMap((record) => ('mintId' in record ? [`${record.kind} ${record.mintId}`] : []));
  t.strictSame(found.sort(), expected.sort());
  t.ok(refused > 0 && gapless(dir), `${refused} refused`);
  t.strictSame(log.openIntents(), []);
});

t.test('too little space refuses intents, but not what running mints owe', async (t) => {
  const dir = t.testdir();
  const clock = new ManualClock();
  const { log, disk, heard } = await testLog(t, { dir, minFreeBytes: 1000 }, { clock });
  await log.durable(intent());
  disk.free = 999;
  clock.advance(1000);
  t.equal(await reasonOf(log.durable(intent())), 'low-space', 'found by the next batch');
  t.equal(await reasonOf(log.durable(intent())), 'low-space', 'refused at once');
  const mintId = freshMintId();
  await log.durable(outcome(mintId));
  log.soon(delivery(mintId));
  await log.flush();
  t.strictSame(kindsOf(dir), ['intent', 'outcome', 'delivery']);
  t.match(log.state(), { ok: false, reason: 'low-space' });
  disk.free = 1000;
  clock.advance(1000);
  await until(() => log.state().ok);
  await log.durable(intent());
  t.equal(heard.warnings().length, 1, 'told once');
});

t.test('what is owed when the broker stops with a broken disk is told to the operator', async (t) => {
  const dir = t.testdir();
  const { log, disk, heard } = await testLog(t, { dir });
  disk.onWrite = async () => {
    throw systemError('EIO');
  };
  const owed = outcome(freshMintId());
  const [waiting, refused] = [reasonOf(log.durable(owed)), reasonOf(log.durable(intent()))];
  t.equal(await refused, 'EIO');
  await log.close();
  t.equal(await waiting, 'closed');
  const last = heard.told.at(-1);
  t.match(last, { level: 'warn', message: 'an audit record could not be written' });
  t.match(String(last?.detail['record']), owed.mintId);
});

/** A file system of 96 kB on a folder; false where none may be mounted. */
const mountSmall = (dir: string): boolean =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96k,mode=700', 'tmpfs', dir]).status === 0;

const mayMount = (() => {
  const dir = mkdtempSync(join(tmpdir(), 'lm-token-broker-mount-'));
  const mounted = mountSmall(dir);
  if (mounted) spawnSync('umount', [dir]);
  rmSync(dir, { recursive: true });
  return mounted;
})();
const withoutMount = !mayMount && 'mounting is not permitted here; the fault is injected above';

t.test(
  'a really full file system is 503 until something is deleted, and the log stays whole',
  {
    skip: withoutMount,
  },
  async (t) => {
    const dir = t.testdir();
    t.ok(mountSmall(dir));
    const log = await openAuditLog({ dir, minFreeBytes: 0 }, { clock: wakefulClock, events: new Heard() });
    try {
      writeFileSync(join(dir, 'ballast'), Buffer.alloc(60_000));
      const write = () => reasonOf(log.durable(intent(freshMintId(), 'x'.repeat(900))));
      let durable = 0;
      let reason = await write();
      for (; reason === 'durable'; reason = await write()) durable += 1;
      t.match(reason, /^(ENOSPC|SHORT_WRITE)$/);
      rmSync(join(dir, 'ballast'));
      await until(() => log.state().ok);
      await log.durable(intent());
      const records = await readRecords(join(dir, 'audit.jsonl'));
      t.equal(records.filter(({ kind }) => kind === 'intent').length, durable + 1);
      const recovered = records.find(({ kind }) => kind === 'system');
      t.match(recovered, { event: 'recovered', detail: { reason } });
      t.ok(gapless(dir));
    } finally {
      await log.close();
      execFileSync('umount', [dir]); // before the folder is removed
    }
  },
);
