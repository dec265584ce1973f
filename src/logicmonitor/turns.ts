import type { Clock, Deadline } from '../mint/clock.ts';

/** What the queue stands before. */
export interface Gate {
  /** Lets one through, if there is room. */
  give(): boolean;
  /** Milliseconds until there is room for the `place`th from now (1 is the next), as far as is known; 0 when there is. */
  waitMs(place: number): number;
}

interface Waiting {
  /** Monotonic ms. */
  readonly cameAt: number;
  /** Lets it go. */
  readonly go: () => void;
}

/** The queue before a rate window: first come, first served; nobody passes another. */
export class Turns {
  readonly #clock: Clock;
  readonly #gate: Gate;
  readonly #most: number;
  /** In the order in which they came. */
  readonly #queue: Waiting[] = [];
  #callOff: (() => void) | undefined;

  /** At most `most` wait at a time. */
  constructor(clock: Clock, gate: Gate, most: number) {
    this.#clock = clock;
    this.#gate = gate;
    this.#most = most;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Waits for a turn. Gives undefined when it has come; else the milliseconds after which there may be one, at once
   * when that is beyond the deadline or too many wait, or when the deadline has passed.
   * A call that LM sent back says by `cameAt` (monotonic ms) when it came first; who came later stands behind it.
   */
  async take(deadline: Deadline, cameAt = this.#clock.monotonic()): Promise<number | undefined> {
    if (this.#queue.length === 0 && this.#gate.give()) return undefined;
    const leftMs = deadline.remainingMs();
    const ahead = this.#queue.findLastIndex((other) => other.cameAt <= cameAt) + 1;
    const waitMs = this.#gate.waitMs(ahead + 1);
    if (this.#queue.length >= this.#most || waitMs > leftMs) return waitMs;
    return await new Promise((resolve) => {
      const go = () => {
        callOff();
        resolve(undefined);
      };
      const waiting: Waiting = { cameAt, go };
      const callOff = this.#clock.after(leftMs, () => {
        const index = this.#queue.indexOf(waiting);
        this.#queue.splice(index, 1);
        resolve(this.#gate.waitMs(index + 1));
      });
      this.#queue.splice(ahead, 0, waiting);
      this.letOut();
    });
  }

  /** Lets go, in order, whom there is room for, and comes back when there may be room for the next. */
  readonly letOut = (): void => {
    while (this.#queue.length > 0 && this.#gate.give()) this.#queue.shift()?.go();
    this.#callOff?.();
    this.#callOff = undefined;
    if (this.#queue.length > 0) this.#callOff = this.#clock.after(this.#gate.waitMs(1), this.letOut);
  };
}
