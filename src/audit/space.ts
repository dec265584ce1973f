import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';

const FRESH_MS = 1000;

/** Whether so much space is left that new requests may be taken; what is below is for the outcomes of running ones. */
export class FreeSpace {
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #measure: () => Promise<number>;
  readonly #minBytes: number;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #low = false;
  #watched = false;

  /** `measure` resolves to the free bytes. */
  constructor(clock: Clock, events: Events, measure: () => Promise<number>, minBytes: number) {
    this.#clock = clock;
    this.#events = events;
    this.#measure = measure;
    this.#minBytes = minBytes;
  }

  /** True from a check that found too little until one that finds enough; looks again every second meanwhile. */
  get low(): boolean {
    return this.#low;
  }

  /** Measures, at most once a second. Rejects when the system does not say. */
  async check(): Promise<void> {
    if (this.#clock.monotonic() - this.#checkedAt < FRESH_MS) return;
    const free = await this.#measure();
    this.#checkedAt = this.#clock.monotonic();
    const low = free < this.#minBytes;
    if (low && !this.#low)
      this.#events.warn('too little space is left for the audit log; nothing is minted', { free });
    if (!low && this.#low) this.#events.info('there is space for the audit log again', { free });
    this.#low = low;
    if (low) this.#watch();
  }

  #watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    this.#clock.after(FRESH_MS, () => {
      this.#watched = false;
      this.check().then(
        () => this.#low && this.#watch(),
        () => this.#watch(),
      );
    });
  }
}
