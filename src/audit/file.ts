import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Disk, DiskFile, FileFacts } from './disk.ts';
import { type Scan, scanLog } from './scan.ts';

/** Something else did this to the log under us; only an operator can say what is to become of it. */
export const DAMAGES = ['removed', 'replaced', 'truncated', 'grown'] as const;
export type Damage = (typeof DAMAGES)[number];

/** What was cut off the end of the log, because it was not known to be durable. */
export interface Cut {
  /** Bytes. */
  readonly length: number;
  /** Hex. */
  readonly sha256: string;
  /** The file that holds the cut bytes; null when they were whole records, or none. */
  readonly movedTo: string | null;
}

/** Thrown by `reopen`. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
  readonly damage: Damage;

  constructor(damage: Damage) {
    super(`the audit log was ${damage} by something else`);
    this.damage = damage;
  }
}

const NEWLINE = 10;

/** The one file `audit.jsonl`, opened for appending: what is durable in it, and whether it is still ours. */
export class AppendFile {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #path: string;
  #file: DiskFile;
  readonly #identity: FileFacts;
  #size = 0;
  /** Bytes of a batch that failed: as many as there may be behind `#size`. */
  #failed = 0;
  /** What was first cut off since the last batch that is durable. */
  #cut: Cut | undefined;

  private constructor(disk: Disk, dir: string, file: DiskFile, identity: FileFacts) {
    this.#disk = disk;
    this.#dir = dir;
    this.#path = logPath(dir);
    this.#file = file;
    this.#identity = identity;
  }

  /**
   * Opens or makes the log and reads it once. A torn last line is moved to a file of its own, named after `time`
   * (RFC 3339). Throws as `scanLog` does, and what the system throws.
   */
  static async open(
    disk: Disk,
    dir: string,
    time: string,
  ): Promise<{ log: AppendFile; scan: Scan; cut: Cut | undefined }> {
    const file = await disk.open(logPath(dir), 'append');
    const facts = await file.facts();
    const log = new AppendFile(disk, dir, file, facts);
    try {
      const scan = await scanLog((into, position) => file.read(into, position), facts.size);
      log.#size = scan.size;
      const cut = facts.size > scan.size ? await log.#cutTail(facts.size, time) : undefined;
      await file.sync(); // what was read may so far be in memory only
      await disk.syncFolder(dir);
      log.#cut = undefined; // told by the caller; what comes later is another story
      return { log, scan, cut };
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** Bytes that are known to be durable. */
  get size(): number {
    return this.#size;
  }

  /** Compares the open file with its path, and its length with what was written. Rejects when the system does not say. */
  async damage(): Promise<Damage | undefined> {
    const [open, named] = await Promise.all([this.#file.facts(), this.#named()]);
    if (named === undefined) return 'removed';
    if (!same(open, named)) return 'replaced';
    return lengthDamage(open.size, this.#size, this.#size);
  }

  /** Writes a batch and makes it durable. When it rejects, nothing of the batch counts, and `reopen` must come next. */
  async append(bytes: Uint8Array): Promise<void> {
    this.#failed = bytes.length;
    await writeWhole(this.#file, bytes);
    await this.#file.datasync();
    this.#size += bytes.length;
    this.#failed = 0;
    this.#cut = undefined;
  }

  /**
   * After a failure: opens the log anew, reads what is behind the last durable record, and cuts it off. After a failed
   * fdatasync a later success says nothing about the pages that were lost, so what was written is never kept.
   * What is no whole record is moved to a file of its own, named after `time`. When this has to be done again before
   * a batch succeeds, it resolves to what was cut first: later tries wrote only what they will write again.
   * Throws `Damaged`, and what the system throws: then try again.
   */
  async reopen(time: string): Promise<Cut> {
    await this.#file.close().catch(() => undefined); // it failed already, and is not used again
    if ((await this.#named()) === undefined) throw new Damaged('removed');
    this.#file = await this.#disk.open(this.#path, 'reopen');
    const facts = await this.#file.facts();
    if (!same(facts, this.#identity)) throw new Damaged('replaced');
    const damage = lengthDamage(facts.size, this.#size, this.#size + this.#failed);
    if (damage !== undefined) throw new Damaged(damage);
    const cut = await this.#cutTail(facts.size, time);
    this.#failed = 0;
    return cut;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #cutTail(fileSize: number, time: string): Promise<Cut> {
    const tail = Buffer.alloc(fileSize - this.#size);
    if ((await this.#file.read(tail, this.#size)) < tail.length) throw new Damaged('truncated');
    this.#cut ??= {
      length: tail.length,
      sha256: createHash('sha256').update(tail).digest('hex'),
      movedTo: await this.#keepTorn(tail, time),
    };
    await this.#file.truncate(this.#size);
    await this.#file.sync();
    return this.#cut;
  }

  async #keepTorn(tail: Uint8Array, time: string): Promise<string | null> {
    if (tail.length === 0 || tail.at(-1) === NEWLINE) return null;
    const name = `audit.torn-${time.replaceAll(':', '')}.bin`;
    const file = await this.#disk.open(join(this.#dir, name), 'rewrite');
    try {
      await writeWhole(file, tail);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncFolder(this.#dir);
    return name;
  }

  async #named(): Promise<FileFacts | undefined> {
    try {
      return await this.#disk.facts(this.#path);
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      throw thrown;
    }
  }
}

async function writeWhole(file: DiskFile, bytes: Uint8Array): Promise<void> {
  const taken = await file.write(bytes);
  if (taken < bytes.length)
    throw Object.assign(new Error('the write was cut short'), { code: 'SHORT_WRITE' });
}

function logPath(dir: string): string {
  return join(dir, 'audit.jsonl');
}

function same(one: FileFacts, other: FileFacts): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

function lengthDamage(size: number, least: number, most: number): Damage | undefined {
  if (size < least) return 'truncated';
  return size > most ? 'grown' : undefined;
}
