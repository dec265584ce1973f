import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PROBLEMS } from '../mint/problems.ts';

/** A number that is read when Prometheus asks. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  /** One number, or one for each value of the label. */
  readonly read: () => number | Readonly<Record<string, number>>;
  readonly label?: string;
}

/** The broker's metrics. No label names a caller, an admin or a mint. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter;
  readonly #duration: Histogram;

  constructor(version: string) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: 'lmtb_mint_requests_total',
      help: 'Mint requests by what became of them: delivered, undelivered, dry-run, or the problem.',
      labelNames: ['outcome'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'lmtb_mint_duration_seconds',
      help: 'Time from the request line to the answer of a mint request.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
      registers,
    });
    new Gauge({
      name: 'lmtb_build_info',
      help: 'The version that runs.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
  }

  /** Counts one mint request that has been answered or given up. */
  minted(outcome: 'delivered' | 'undelivered' | 'dry-run' | keyof typeof PROBLEMS, seconds: number): void {
    this.#requests.inc({ outcome });
    this.#duration.observe(seconds);
  }

  /** Adds gauges that are read at each scrape. */
  observe(sources: readonly GaugeSource[]): void {
    for (const { name, help, read, label } of sources) {
      new Gauge({
        name,
        help,
        labelNames: label === undefined ? [] : [label],
        registers: [this.registry],
        collect() {
          const now = read();
          if (typeof now === 'number') this.set(now);
          else if (label !== undefined)
            for (const [value, number] of Object.entries(now)) this.set({ [label]: value }, number);
        },
      });
    }
  }
}
