import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { type AppendFile, type Cut, type Damage, Damaged } from './file.ts';
import { type Entry, giveUp, type Queue } from './queue.ts';
import { eventBody, recordLine, rfc3339 } from './record.ts';
import { recoveredEvent } from './recovered.ts';
import type { FreeSpace } from './space.ts';

/** A time in which the disk failed; it ends with the first batch that is durable again. */
interface Outage {
  /** The system's code, such as `ENOSPC`. */
  readonly reason: string;
  /** RFC 3339. */
  readonly since: string;
  tries: number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

interface WriterParts {
  readonly clock: Clock;
  readonly events: Events;
  readonly file: AppendFile;
  readonly space: FreeSpace;
  readonly queue: Queue;
  /** How many records the file has. */
  readonly records: number;
  /** A batch under way for longer than this counts as a fault. */
  readonly writeTimeoutMs: number;
}

/**
 * Group commit: all that waits goes to the disk in one write and one fdatasync, and while that is under way the next
 * batch gathers. After a failure it opens the log anew, cuts what is not known to be durable, and tries until it works;
 * after damage by something else it does nothing more.
 */
export class Writer {
  readonly #parts: WriterParts;
  #records: number;
  #batch: Entry[] = [];
  /** Something waits that should be written now. */
  #due = false;
  #running: Promise<void> | undefined;
  #roundSince: number | undefined;
  #outage: Outage | undefined;
  #damage: Damage | undefined;
  #stopping = false;
  #wake: () => void = () => undefined;
  #lastDurableAt: number | null = null;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#records = parts.records;
  }

  /** Why nothing that is new can be recorded now; undefined when all is well. */
  fault(): string | undefined {
    if (this.#damage !== undefined) return this.#damage;
    if (this.#outage !== undefined) return this.#outage.reason;
    if (this.#parts.space.low) return 'low-space';
    const { clock, writeTimeoutMs } = this.#parts;
    const slow = this.#roundSince !== undefined && clock.monotonic() - this.#roundSince > writeTimeoutMs;
    return slow ? 'late' : undefined;
  }

  /** What became of the file by something else's doing; nothing is written any more. */
  get damage(): Damage | undefined {
    return this.#damage;
  }

  /** How many records are durable, which is also the next sequence number. */
  get records(): number {
    return this.#records;
  }

  /** Epoch ms. */
  get lastDurableAt(): number | null {
    return this.#lastDurableAt;
  }

  /** Writes what waits, now or as soon as the batch under way is done. Resolves when nothing is left to do at once. */
  async start(): Promise<void> {
    if (this.#damage !== undefined) return;
    this.#due = true;
    this.#running ??= this.#run();
    await this.#running;
  }

  /** Writes what waits, and does not wait for a disk that fails again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.start();
  }

  async #run(): Promise<void> {
    while (this.#damage === undefined && (this.#due || this.#outage !== undefined)) {
      this.#roundSince = this.#parts.clock.monotonic();
      try {
        await this.#round();
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#roundSince = undefined;
      if (this.#outage === undefined) continue;
      if (this.#stopping && this.#outage.tries > 1) break;
      await this.#pause(this.#outage);
    }
    this.#running = undefined;
  }

  async #round(): Promise<void> {
    const { clock, file, queue, space } = this.#parts;
    const outage = this.#outage;
    const cut = outage === undefined ? undefined : await file.reopen(outage.since);
    const damage = await file.damage();
    if (damage !== undefined) throw new Damaged(damage);
    await space.check();
    this.#due = false;
    this.#batch = queue.take();
    if (space.low) this.#batch = giveUp(this.#batch, 'low-space');
    const recovered = outage === undefined ? [] : [this.#recovered(outage, cut)];
    const lines = [...recovered, ...this.#batch].map(({ time, body }, i) =>
      recordLine(this.#records + i, time, body),
    );
    if (lines.length === 0) return;
    await file.append(Buffer.from(lines.join('')));
    this.#records += lines.length;
    this.#lastDurableAt = clock.now();
    const written = this.#batch;
    this.#batch = [];
    this.#outage = undefined;
    if (outage !== undefined) this.#parts.events.info('the audit log is written again', { ...outage });
    for (const entry of written) entry.written();
  }

  #fail(thrown: unknown): void {
    const { clock, events, queue } = this.#parts;
    const given = [...this.#batch, ...queue.take()];
    this.#batch = [];
    if (thrown instanceof Damaged) {
      this.#damage = thrown.damage;
      queue.pushFirst(giveUp(given, thrown.damage));
      for (const entry of given) if (entry.owed) entry.failed(thrown.damage);
      events.warn('the audit log was damaged; nothing is minted until an operator acts', {
        damage: thrown.damage,
      });
      return;
    }
    const reason = codeOf(thrown);
    queue.pushFirst(giveUp(given, reason));
    if (this.#outage === undefined) {
      this.#outage = { reason, since: rfc3339(clock.now()), tries: 0 };
      events.warn('the audit log cannot be written; nothing is minted until it can', { reason });
    }
    this.#outage.tries += 1;
  }

  #recovered({ reason, since }: Outage, cut: Cut | undefined): { time: string; body: string } {
    const time = rfc3339(this.#parts.clock.now());
    return { time, body: eventBody(recoveredEvent(reason, since, cut)) };
  }

  #pause({ tries }: Outage): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#parts.clock.after(Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS), resolve);
    });
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
}
