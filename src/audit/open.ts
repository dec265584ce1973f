import { type Clock, systemClock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { AppendFile } from './file.ts';
import { lockFolder } from './lock.ts';
import { AuditFile } from './log.ts';
import { Queue } from './queue.ts';
import { rfc3339 } from './record.ts';
import { recoveredEvent } from './recovered.ts';
import { FreeSpace } from './space.ts';
import { Writer } from './writer.ts';

export interface AuditSettings {
  /** `AUDIT_DIR`; made when missing. */
  readonly dir: string;
  /** How long a record may take to be durable; default 2000. */
  readonly writeTimeoutMs?: number;
  /** Below it, new requests are refused; default 64 MB. */
  readonly minFreeBytes?: number;
  /** With half as many records waiting, new intents are refused; the rest is room for what running mints owe. */
  readonly maxQueued?: number;
}

export interface AuditParts {
  readonly clock?: Clock;
  readonly events: Events;
  /** The file system; tests hand in one that fails. */
  readonly disk?: Disk;
}

/**
 * Opens `AUDIT_DIR/audit.jsonl` as its only writer and reads it once. Throws an `Error` for the operator when another
 * process writes there, when the file is not the log that was written, or when it cannot be opened.
 */
export async function openAuditLog(settings: AuditSettings, parts: AuditParts): Promise<AuditFile> {
  const { clock = systemClock, events, disk = nodeDisk } = parts;
  const { dir, writeTimeoutMs = 2000, minFreeBytes = 64_000_000, maxQueued = 10_000 } = settings;
  await disk.makeFolder(dir);
  const unlock = await lockFolder(dir);
  try {
    const time = rfc3339(clock.now());
    const { log: file, scan, cut } = await AppendFile.open(disk, dir, time);
    const space = new FreeSpace(clock, events, () => disk.freeBytes(dir), minFreeBytes);
    await space.check();
    const queue = new Queue();
    const { records, open } = scan;
    const writer = new Writer({ clock, events, file, space, queue, records, writeTimeoutMs });
    const log = new AuditFile({
      clock,
      events,
      file,
      queue,
      writer,
      open,
      unlock,
      writeTimeoutMs,
      maxQueued,
    });
    if (cut !== undefined) log.soon(recoveredEvent('torn', time, cut));
    return log;
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}
