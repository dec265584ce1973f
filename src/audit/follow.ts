import { open } from 'node:fs/promises';
import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { walkLines } from './lines.ts';
import { type AuditRecord, auditRecordSchema } from './record.ts';

export interface FollowParts {
  readonly clock: Clock;
  readonly events: Events;
  readonly path: string;
  /** Bytes of the log that are durable by now. */
  readonly size: () => number;
  readonly visit: (record: AuditRecord) => void;
}

const EVERY_MS = 1_000;
/** While there is more to read, so that requests come first. */
const NEXT_MS = 20;
/** How much is read at once; about a hundred records. */
const CHUNK_BYTES = 128 * 1024;

/**
 * Follows the log from here on, for whoever wants to see what was recorded: a bit at a time, on a timer, so that no
 * request waits for it. It sees only what is durable. A record that cannot be read is passed over and told once.
 */
export class Follow {
  readonly #parts: FollowParts;
  #position: number;
  #cancelNext: () => void = () => {};
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  #failed = false;

  constructor(parts: FollowParts) {
    this.#parts = parts;
    this.#position = parts.size();
    this.#later(EVERY_MS);
  }

  /** Bytes that were recorded and not looked at yet. */
  get behind(): number {
    return Math.max(0, this.#parts.size() - this.#position);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#looking;
  }

  #later(ms: number): void {
    if (this.#stopped) return;
    this.#cancelNext = this.#parts.clock.after(ms, () => {
      this.#looking = this.#look().then(() =>
        this.#later(this.behind > 0 && !this.#failed ? NEXT_MS : EVERY_MS),
      );
    });
  }

  async #look(): Promise<void> {
    const end = Math.min(this.#parts.size(), this.#position + CHUNK_BYTES);
    if (end <= this.#position) return;
    try {
      const file = await open(this.#parts.path, 'r');
      try {
        const from = this.#position;
        const read = async (into: Uint8Array, position: number) =>
          (await file.read(into, 0, into.length, from + position)).bytesRead;
        const taken = await walkLines(read, end - from, (line) => this.#visit(line), CHUNK_BYTES);
        // A line longer than what is read at once is none of ours; it is passed over.
        this.#position += taken > 0 ? taken : end - from;
      } finally {
        await file.close();
      }
      this.#failed = false;
    } catch (fault) {
      if (!this.#failed)
        this.#parts.events.warn('the audit log cannot be followed', { reason: codeOf(fault) });
      this.#failed = true;
    }
  }

  #visit(line: Buffer): void {
    const record = auditRecordSchema.safeParse(jsonOf(line));
    if (record.success) this.#parts.visit(record.data);
    else this.#parts.events.warn('a record of the audit log could not be read', { bytes: line.length });
  }
}

function jsonOf(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

function codeOf(fault: unknown): string {
  return fault instanceof Error && 'code' in fault ? String(fault.code) : 'failed';
}
