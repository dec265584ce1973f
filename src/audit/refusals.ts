import type { Clock } from '../mint/clock.ts';
import type { RefusalSample, RefusalsEvent } from '../mint/records.ts';
import { escapeUnfit } from '../mint/text.ts';
import { networkOf } from './network.ts';
import { rfc3339 } from './record.ts';

/** One refusal, as far as it is known who and what it was about. */
interface Refusal {
  readonly address: string;
  readonly requestId: string | null;
  readonly detail: string;
}

/** Where the record goes. */
interface RefusalsSink {
  /** False while the log has a fault: counting goes on meanwhile. */
  ready(): boolean;
  write(event: RefusalsEvent): void;
}

const EVERY_MS = 10_000;
const SAMPLES_PER_CAUSE = 10;
const MAX_NETWORKS = 1000;
const MAX_DETAIL = 200;

/**
 * Counts what is refused before anyone is identified, by cause and source network, and keeps the first ten of each
 * cause in full. However many come, the record that is written every 10 s stays small. Causes are ours, so they are few.
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #sink: RefusalsSink;
  /** By cause, then by network. */
  #counts = new Map<string, Map<string, number>>();
  #networks = 0;
  #samples = new Map<string, RefusalSample[]>();
  #since: number | undefined;
  #callOff: () => void = () => undefined;

  constructor(clock: Clock, sink: RefusalsSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  /** Counts one. `cause` is a code of ours; the rest may come from anywhere and is escaped and cut. */
  note(cause: string, { address, requestId, detail }: Refusal): void {
    const now = this.#clock.now();
    if (this.#since === undefined) {
      this.#since = now;
      this.#later();
    }
    this.#count(cause, networkOf(address));
    const samples = this.#samples.get(cause) ?? [];
    if (samples.length >= SAMPLES_PER_CAUSE) return;
    samples.push({
      time: rfc3339(now),
      cause,
      requestId: requestId === null ? null : bounded(requestId),
      address: bounded(address),
      detail: bounded(detail),
    });
    this.#samples.set(cause, samples);
  }

  /** Writes what was counted and not written yet, whether the log has a fault or not. */
  flush(): void {
    this.#callOff();
    if (this.#since === undefined) return;
    const counts = [...this.#counts].flatMap(([cause, networks]) =>
      [...networks].map(([network, count]) => ({ cause, network, count })),
    );
    const samples = [...this.#samples.values()].flat();
    const [since, until] = [rfc3339(this.#since), rfc3339(this.#clock.now())];
    this.#since = undefined;
    this.#counts = new Map();
    this.#networks = 0;
    this.#samples = new Map();
    this.#sink.write({ kind: 'refusals', since, until, counts, samples });
  }

  #count(cause: string, network: string): void {
    const networks = this.#counts.get(cause) ?? new Map<string, number>();
    this.#counts.set(cause, networks);
    const known = networks.has(network);
    const key = known || this.#networks < MAX_NETWORKS ? network : 'other';
    if (!known && key === network) this.#networks += 1;
    networks.set(key, (networks.get(key) ?? 0) + 1);
  }

  #later(): void {
    this.#callOff = this.#clock.after(EVERY_MS, () => {
      if (this.#sink.ready()) this.flush();
      else this.#later();
    });
  }
}

function bounded(text: string): string {
  const escaped = escapeUnfit(text.slice(0, MAX_DETAIL));
  return text.length > MAX_DETAIL ? `${escaped}…` : escaped;
}
