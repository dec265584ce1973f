/** What the broker does with new requests. */
export type Phase = 'starting' | 'serving' | 'lead' | 'draining';

/**
 * Where the process stands between its start and its end, and how many requests it is working on. During the `lead`
 * after SIGTERM requests are served as usual, while `/readyz` already sends new ones elsewhere.
 */
export class Lifecycle {
  #phase: Phase = 'starting';
  #inFlight = 0;
  #idle: (() => void)[] = [];

  get phase(): Phase {
    return this.#phase;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** True from SIGTERM on: answers then carry `Connection: close`. */
  get ending(): boolean {
    return this.#phase === 'lead' || this.#phase === 'draining';
  }

  enter(phase: Phase): void {
    this.#phase = phase;
  }

  /** Counts one request in, for as long as `work` runs, whatever becomes of its caller. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#inFlight += 1;
    try {
      return await work();
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const wake of this.#idle.splice(0)) wake();
    }
  }

  /** Resolves when no request is being worked on. */
  async idle(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
