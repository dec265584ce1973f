import type { Clock } from '../mint/clock.ts';
import type { AuditLog, Events } from '../mint/ports.ts';
import { Problem } from '../mint/problems.ts';
import type { AuditEvent, RequestEvent } from '../mint/records.ts';
import { type AppendFile, DAMAGES } from './file.ts';
import type { Entry, Queue } from './queue.ts';
import { eventBody, rfc3339 } from './record.ts';
import { Refusals } from './refusals.ts';
import type { OpenIntent } from './scan.ts';
import type { Writer } from './writer.ts';

/** How the log is, for `/readyz`, metrics and the operator. */
export interface AuditState {
  /** True when an intent would be taken now. */
  readonly ok: boolean;
  /**
   * Why not: `removed`, `replaced`, `truncated`, `grown` (an operator must act), `low-space`, `late`, `queue-full`,
   * `closed`, or the system's code of a failed write.
   */
  readonly reason: string | null;
  /** Bytes that are durable. */
  readonly size: number;
  /** The next sequence number, which is how many records are durable. */
  readonly seq: number;
  /** Records that wait, and how many of them must be written whatever happens. */
  readonly queued: number;
  readonly owed: number;
  /** Epoch ms; null before the first write of this process. */
  readonly lastDurableAt: number | null;
  readonly openIntents: number;
}

const SOON_MS = 100;

interface AuditFileParts {
  readonly clock: Clock;
  readonly events: Events;
  readonly file: AppendFile;
  readonly queue: Queue;
  readonly writer: Writer;
  readonly open: Map<string, OpenIntent>;
  readonly unlock: () => void;
  readonly writeTimeoutMs: number;
  readonly maxQueued: number;
}

/** The audit log of this process. */
export class AuditFile implements AuditLog {
  /** What is refused before anyone is identified is counted here, and so are requests that cannot be recorded. */
  readonly refusals: Refusals;
  readonly #parts: AuditFileParts;
  #soonArmed = false;
  #closed = false;

  /** Use `openAuditLog`. */
  constructor(parts: AuditFileParts) {
    this.#parts = parts;
    this.refusals = new Refusals(parts.clock, {
      ready: () => parts.writer.fault() === undefined,
      write: (event) => this.soon(event),
    });
  }

  /**
   * As `AuditLog` says. An intent is refused at once while the log has a fault; an outcome waits out its deadline, since
   * the fault may pass.
   */
  durable(event: AuditEvent, ifLate?: AuditEvent): Promise<void> {
    const { clock, queue, writer, writeTimeoutMs } = this.#parts;
    const owed = event.kind !== 'intent';
    if (this.#closed) this.#tooLate(event);
    const refusal = owed ? this.#closedReason() : this.#fault();
    if (refusal !== undefined) return Promise.reject(unavailable(refusal));
    return new Promise((resolve, reject) => {
      let waiting = true;
      const giveUp = (reason: string) => {
        callOff();
        if (waiting) reject(unavailable(reason));
        waiting = false;
      };
      const entry: Entry = {
        ...this.#written(event),
        owed,
        written: () => {
          callOff();
          this.#track(event, entry.time);
          if (waiting) resolve();
          else if (!owed && ifLate !== undefined) this.#follow(ifLate);
        },
        failed: giveUp,
      };
      const callOff = clock.after(writeTimeoutMs, () => {
        if (!owed) queue.withdraw(entry);
        giveUp('late');
      });
      queue.push(entry);
      if (writer.damage !== undefined) giveUp(writer.damage);
      void writer.start();
    });
  }

  soon(event: AuditEvent): void {
    const { clock, queue, writer } = this.#parts;
    if (this.#closed) this.#tooLate(event);
    else if (event.kind === 'request' && this.#fault() !== undefined) this.#unrecorded(event);
    else queue.push(this.#entry(event));
    if (this.#soonArmed || queue.size === 0) return;
    this.#soonArmed = true;
    clock.after(SOON_MS, () => {
      this.#soonArmed = false;
      if (queue.size > 0) void writer.start();
    });
  }

  state(): AuditState {
    const { file, queue, writer, open } = this.#parts;
    const reason = this.#fault() ?? null;
    return {
      ok: reason === null,
      reason,
      size: file.size,
      seq: writer.records,
      queued: queue.size,
      owed: queue.owed,
      lastDurableAt: writer.lastDurableAt,
      openIntents: open.size,
    };
  }

  /** Intents without an outcome, of earlier processes and of this one, oldest first. */
  openIntents(): OpenIntent[] {
    return [...this.#parts.open.values()];
  }

  /** Resolves when all that was handed in is durable; waits out a disk that fails. Throws `audit-unavailable` after damage. */
  async flush(): Promise<void> {
    const { queue, writer } = this.#parts;
    do await writer.start();
    while (queue.size > 0 && writer.damage === undefined);
    if (writer.damage !== undefined) throw unavailable(writer.damage);
  }

  /**
   * Writes what is left, the last `refusals` included, and lets go of file and lock. Waits for the disk as long as it
   * takes, but not for one that fails: what is owed then goes to the operator, record by record.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    const { events, file, queue, writer, unlock } = this.#parts;
    this.refusals.flush();
    this.#closed = true;
    await writer.stop();
    this.refusals.flush(); // requests that this last batch could not hold
    for (const entry of queue.take()) {
      entry.failed('closed');
      events.warn('an audit record could not be written', { handedInAt: entry.time, record: entry.body });
    }
    await file.close().catch(() => undefined); // what is durable is durable
    unlock();
  }

  /** Why an intent would be refused now. */
  #fault(): string | undefined {
    const { queue, writer, maxQueued } = this.#parts;
    const full = queue.size >= maxQueued / 2 ? 'queue-full' : undefined;
    return this.#closedReason() ?? writer.fault() ?? full;
  }

  #closedReason(): string | undefined {
    return this.#closed ? 'closed' : undefined;
  }

  #written(event: AuditEvent): { time: string; body: string } {
    return { time: rfc3339(this.#parts.clock.now()), body: eventBody(event) };
  }

  /** An entry that nobody waits for. */
  #entry(event: AuditEvent): Entry {
    const stamp = this.#written(event);
    return {
      ...stamp,
      owed: event.kind !== 'request',
      written: () => this.#track(event, stamp.time),
      failed: () => {
        if (event.kind === 'request') this.#unrecorded(event);
      },
    };
  }

  #tooLate(event: AuditEvent): void {
    this.#parts.events.warn('an audit record came after the log was closed', { record: eventBody(event) });
  }

  #follow(event: AuditEvent): void {
    this.#parts.queue.pushFirst([this.#entry(event)]);
    void this.#parts.writer.start();
  }

  #track(event: AuditEvent, time: string): void {
    if (event.kind === 'outcome') this.#parts.open.delete(event.mintId);
    if (event.kind !== 'intent') return;
    const { mintId, adminId } = event;
    this.#parts.open.set(mintId, { mintId, adminId, time });
  }

  #unrecorded({ problem, principal, source, requestId }: RequestEvent): void {
    const detail = `${principal.alias} ${principal.subject}`;
    this.refusals.note(`unrecorded:${problem ?? 'dry-run'}`, { address: source.address, requestId, detail });
  }
}

function unavailable(reason: string): Problem {
  const waitingHelps = !DAMAGES.some((damage) => damage === reason);
  return new Problem('audit-unavailable', 'The request could not be recorded.', {
    operatorReason: reason,
    ...(!waitingHelps && { retryAfterS: null }),
  });
}
