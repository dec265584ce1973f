/** One record on its way to the disk. */
export interface Entry {
  /** When it was handed in, RFC 3339. */
  readonly time: string;
  /** From `eventBody`. */
  readonly body: string;
  /** Stays until it is written, however long that takes. What is not owed is given up at once when the log fails. */
  readonly owed: boolean;
  /** It is durable. */
  written(): void;
  /** It is not durable, and whoever waits for it should not wait any longer. */
  failed(reason: string): void;
}

/** What waits for the next batch, in order. */
export class Queue {
  #entries = new Set<Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** How many of them are owed. */
  get owed(): number {
    let owed = 0;
    for (const entry of this.#entries) if (entry.owed) owed += 1;
    return owed;
  }

  push(entry: Entry): void {
    this.#entries.add(entry);
  }

  /** Puts entries before all others, in their order. */
  pushFirst(entries: Iterable<Entry>): void {
    this.#entries = new Set([...entries, ...this.#entries]);
  }

  /** Takes one out, if it is still here. */
  withdraw(entry: Entry): void {
    this.#entries.delete(entry);
  }

  /** Takes all out. */
  take(): Entry[] {
    const entries = [...this.#entries];
    this.#entries = new Set();
    return entries;
  }
}

/** Fails what is not owed; what is stays as it is, and comes back. */
export function giveUp(entries: readonly Entry[], reason: string): Entry[] {
  return entries.filter((entry) => {
    if (!entry.owed) entry.failed(reason);
    return entry.owed;
  });
}
