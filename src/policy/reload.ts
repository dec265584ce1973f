import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { BundleError, printFault } from './faults.ts';

/** As much of a bundle as its reload looks at. */
interface Loaded {
  readonly digest: string;
  /** Files outside its folder, or inside, that it names. */
  readonly named: readonly string[];
}

/** What a reload works with; `B` is a bundle that may take over. */
export interface ReloadParts<B extends Loaded> {
  readonly clock: Clock;
  readonly events: Events;
  readonly everyMs: number;
  /** What the operator is told that it is: `the policy bundle`. */
  readonly what: string;
  /** A text that changes when the bundle's files do. Never throws. */
  fingerprint(named: readonly string[]): Promise<string>;
  /** Loads, checks and tests the bundle. Throws a `BundleError`. */
  load(): Promise<B>;
  /** Puts a bundle in force, in one step. */
  use(bundle: B): void;
  /** Told of each bundle that is not taken. */
  refused(faults: BundleError): void;
}

/** How it stands with the bundle in force. */
export interface ReloadState {
  /** Null while there is none. */
  readonly digest: string | null;
  /** Epoch ms, when it was taken. */
  readonly loadedAt: number | null;
  /** What is wrong with what the files say by now, a line each; empty when they are what is in force. */
  readonly faults: readonly string[];
}

/** How often files that change while they are read are read again before they are taken for broken. */
const MAX_READS = 5;
const MAX_FAULTS_TOLD = 20;

/**
 * Keeps the bundle in force to what its files say. They are looked at every `everyMs`, and on SIGHUP; what has changed
 * is loaded, checked and tested whole, and takes over in one step. When anything is wrong, the one before stays.
 */
export class Reload<B extends Loaded> {
  readonly #parts: ReloadParts<B>;
  #inForce: B | undefined;
  #loadedAt: number | null = null;
  #faults: readonly string[] = [];
  /** Of the files as they were last loaded, whatever came of it. */
  #seen: string | undefined;
  #running: Promise<void> | undefined;
  #cancelNext: () => void = () => {};
  #stopped = false;

  /** `first`, when there is one, is in force already; `seen` is the fingerprint from before it was loaded. */
  constructor(parts: ReloadParts<B>, first?: { readonly bundle: B; readonly seen: string }) {
    this.#parts = parts;
    this.#inForce = first?.bundle;
    this.#seen = first?.seen;
    if (first !== undefined) this.#loadedAt = parts.clock.now();
    this.#later();
  }

  /** SIGHUP: loads anew, whether anything seems to have changed or not. Never throws. */
  async reloadNow(): Promise<void> {
    await this.#running;
    this.#seen = undefined;
    await this.#look();
  }

  state(): ReloadState {
    return { digest: this.#inForce?.digest ?? null, loadedAt: this.#loadedAt, faults: this.#faults };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#running;
  }

  #later(): void {
    this.#cancelNext();
    if (!this.#stopped)
      this.#cancelNext = this.#parts.clock.after(this.#parts.everyMs, () => void this.#look());
  }

  /** One look at a time; whoever asks meanwhile shares it. */
  #look(): Promise<void> {
    this.#cancelNext();
    this.#running ??= this.#loadChanged().finally(() => {
      this.#running = undefined;
      this.#later();
    });
    return this.#running;
  }

  async #loadChanged(): Promise<void> {
    for (let reads = 0; reads < MAX_READS && !this.#stopped; reads++) {
      const before = await this.#parts.fingerprint(this.#inForce?.named ?? []);
      if (before === this.#seen) return;
      const loaded = await this.#parts.load().catch((fault: unknown) => asBundleError(fault));
      // What changed while it was read may be a bit of the old and a bit of the new.
      if (before !== (await this.#parts.fingerprint(this.#inForce?.named ?? []))) continue;
      this.#seen = before;
      if (loaded instanceof BundleError) this.#refuse(loaded);
      else this.#take(loaded);
      return;
    }
  }

  #refuse(error: BundleError): void {
    this.#faults = error.faults.slice(0, MAX_FAULTS_TOLD).map(printFault);
    this.#parts.events.warn(`${this.#parts.what} has faults and is not taken; the one before stays`, {
      inForce: this.#inForce?.digest ?? null,
      count: error.faults.length,
      faults: this.#faults,
    });
    this.#parts.refused(error);
  }

  #take(bundle: B): void {
    const mended = this.#faults.length > 0;
    this.#faults = [];
    const { digest } = bundle;
    if (digest === this.#inForce?.digest) {
      this.#parts.events.info(`${this.#parts.what} was looked at; it is the one in use`, { digest, mended });
      return;
    }
    const before = this.#inForce?.digest ?? null;
    this.#parts.use(bundle);
    this.#inForce = bundle;
    this.#loadedAt = this.#parts.clock.now();
    this.#parts.events.info(`${this.#parts.what} is in use`, { digest, before });
  }
}

/** A fault that is none of the bundle's files is told in the same way: the bundle before stays all the same. */
function asBundleError(fault: unknown): BundleError {
  if (fault instanceof BundleError) return fault;
  const reason = fault instanceof Error ? fault.message : 'could not be loaded';
  return new BundleError('.', [{ file: '.', line: 1, column: 1, reason }]);
}
