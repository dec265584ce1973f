/** A map of bounded size: when it is full, the entry goes that has not been used since for longest. */
export class Recent<T> {
  readonly #limit: number;
  readonly #dropped: (value: T) => void;
  readonly #entries = new Map<string, T>();

  constructor(limit: number, dropped: (value: T) => void = () => {}) {
    this.#limit = limit;
    this.#dropped = dropped;
  }

  get(key: string): T | undefined {
    const value = this.#entries.get(key);
    // While there is room, nobody needs to know which is the oldest.
    if (value === undefined || this.#entries.size < this.#limit) return value;
    this.#entries.delete(key); // so that it stands last, as the newest
    this.#entries.set(key, value);
    return value;
  }

  /** Adds what was not there. */
  add(key: string, value: T): T {
    if (this.#entries.size >= this.#limit) {
      for (const [oldest, old] of this.#entries) {
        this.#entries.delete(oldest);
        this.#dropped(old);
        break;
      }
    }
    this.#entries.set(key, value);
    return value;
  }

  /** Drops them all. */
  clear(): void {
    for (const value of this.#entries.values()) this.#dropped(value);
    this.#entries.clear();
  }
}
