/**
 * A value that must never be printed. Whatever renders it (string conversion, JSON, `util.inspect`, a logger)
 * gets `[secret]`; only `reveal()` gives it back, so that each use can be found by that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it at the one place where the value belongs on the wire. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  /** The symbol by which `util.inspect` asks an object how to print itself; written out, since mint/ imports nothing. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}
