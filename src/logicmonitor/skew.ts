import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';

/** Beyond this the operator is told: LM refuses signatures that are 30 minutes off. */
const THRESHOLD_MS = 5 * 60_000;
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** LM's clock minus ours, as LM's `Date` headers tell it; exact to about a second. */
export class ClockSkew {
  readonly #clock: Clock;
  readonly #events: Events;
  #ms: number | undefined;
  #beyond = false;

  constructor(clock: Clock, events: Events) {
    this.#clock = clock;
    this.#events = events;
  }

  /** The latest skew in milliseconds; undefined before any answer told it. */
  ms(): number | undefined {
    return this.#ms;
  }

  /** Reads one `Date` header (RFC 9110, section 5.6.7): the skew in milliseconds, undefined when there is no such date. */
  watch(date: unknown): number | undefined {
    if (typeof date !== 'string' || !IMF_FIXDATE.test(date)) return undefined;
    const skewMs = Date.parse(date) - this.#clock.now();
    if (Number.isNaN(skewMs)) return undefined;
    this.#ms = skewMs;
    const beyond = Math.abs(skewMs) > THRESHOLD_MS;
    if (beyond !== this.#beyond) {
      this.#beyond = beyond;
      if (beyond) this.#events.warn('the clock is far from LogicMonitor’s', { skewMs });
      else this.#events.info('the clock agrees with LogicMonitor’s again', { skewMs });
    }
    return skewMs;
  }
}
