import { type Clock, Deadline } from '../mint/clock.ts';
import { samePair } from '../mint/pair.ts';
import type { Events, Pair, PairSource } from '../mint/ports.ts';
import { asProblem, type Problem } from '../mint/problems.ts';
import { VaultFault } from './fault.ts';
import { SECRET_FAULTS, SecretFault } from './kv.ts';
import { problemOf } from './problem.ts';
import type { Operation, VaultSession } from './session.ts';
import type { VaultSettings } from './settings.ts';
import { within } from './waiting.ts';

/** What readiness and metrics show of the credential. */
export interface CredentialState {
  /** True when the last read was good. */
  readonly ok: boolean;
  /** The version that serves; null when none does. */
  readonly version: number | null;
  /** Since the last good read, in ms; null when there was none. */
  readonly ageMs: number | null;
  /** The operator's code for why the last read failed; null when it did not. */
  readonly fault: string | null;
  /** Whether there ever was a usable pair. */
  readonly everHad: boolean;
}

interface PairSourceParts {
  /** Reads the newest version, with a token of the session. */
  readonly read: Operation<Pair>;
  readonly session: VaultSession;
  /** Breaks the connections to Vault. */
  readonly disconnect: () => Promise<void>;
  readonly settings: VaultSettings;
  readonly clock: Clock;
  /** 0 … 1. */
  readonly random: () => number;
  readonly events: Events;
}

/** One read may log in, read, log in anew and read again: each of the four within `timeoutMs`. */
const CALLS_PER_READ = 4;
/** After a failed read, requests get its problem for so long before one of them causes another. */
const FAILURE_LASTS_MS = 1_000;
const FIRST_RETRY_MS = 1_000;

/**
 * LM's access id and key from Vault's KV, read again and again. While Vault is away the pair in memory serves for
 * `maxStaleMs`; when Vault refuses it, or shows that the secret is gone or unfit, it is dropped at once, since that is
 * how an operator pulls the plug. Requests and the timer share reads, and either heals what was broken.
 */
export class VaultPairSource implements PairSource {
  readonly #parts: PairSourceParts;
  #pair: Pair | undefined;
  /** When the last good read began, and when the last read of any end ended: monotonic ms. */
  #goodAt = Number.NEGATIVE_INFINITY;
  #endedAt = Number.NEGATIVE_INFINITY;
  #problem: Problem | undefined;
  #flight: Promise<Pair> | undefined;
  #everHad = false;
  #told = '';
  #retryMs = FIRST_RETRY_MS;
  #callOff = () => {};
  #stopped = false;

  constructor(parts: PairSourceParts) {
    this.#parts = parts;
  }

  /** Reads for the first time and, whatever comes of it, goes on by the timer. Never throws. */
  async start(): Promise<void> {
    await this.#read().catch(() => {});
    if (this.#stopped) return;
    this.#callOff = this.#parts.clock.after(this.#nextReadMs(), () => void this.start());
  }

  /** Stops the timer and gives the Vault token back. What is in memory serves on. Never throws; takes at most `timeoutMs` and 1 s. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#callOff();
    await this.#parts.session.close();
    await this.#parts.disconnect();
  }

  async current(deadline: Deadline): Promise<Pair> {
    const pair = this.#servable();
    if (pair !== undefined && !this.#isOverdue()) return pair;
    try {
      const recent = this.#flight === undefined && this.#sinceMs(this.#endedAt) < FAILURE_LASTS_MS;
      if (recent && this.#problem !== undefined) throw this.#problem;
      return await this.reread(deadline);
    } catch (thrown) {
      const still = this.#servable();
      if (still !== undefined && asProblem(thrown).problem === 'vault-unavailable') return still;
      throw thrown;
    }
  }

  reread(deadline: Deadline): Promise<Pair> {
    const late = () => problemOf(new VaultFault('timeout', { code: 'request-deadline' }));
    return within(this.#read(), this.#parts.clock, deadline, late);
  }

  state(): CredentialState {
    return {
      ok: this.#pair !== undefined && this.#problem === undefined,
      version: this.#servable()?.version ?? null,
      ageMs: this.#everHad ? Math.round(this.#sinceMs(this.#goodAt)) : null,
      fault: this.#problem === undefined ? null : reasonOf(this.#problem),
      everHad: this.#everHad,
    };
  }

  #sinceMs(at: number): number {
    return this.#parts.clock.monotonic() - at;
  }

  #servable(): Pair | undefined {
    return this.#sinceMs(this.#goodAt) < this.#parts.settings.maxStaleMs ? this.#pair : undefined;
  }

  /** True when the timer has missed its turn, as after the process was frozen: Vault may have said no meanwhile. */
  #isOverdue(): boolean {
    return this.#sinceMs(this.#endedAt) > 2 * this.#parts.settings.rereadEveryMs;
  }

  /** Sooner than usual while there is nothing to serve. */
  #nextReadMs(): number {
    const { settings, random } = this.#parts;
    const jitter = 0.9 + 0.1 * random();
    if (this.#servable() !== undefined) {
      this.#retryMs = FIRST_RETRY_MS;
      return settings.rereadEveryMs * jitter;
    }
    const wait = Math.min(this.#retryMs, settings.rereadEveryMs) * jitter;
    this.#retryMs *= 2;
    return wait;
  }

  #read(): Promise<Pair> {
    this.#flight ??= this.#readOnce().finally(() => {
      this.#flight = undefined;
      this.#endedAt = this.#parts.clock.monotonic();
    });
    return this.#flight;
  }

  async #readOnce(): Promise<Pair> {
    const { session, read, settings, clock } = this.#parts;
    const startedAt = clock.monotonic();
    try {
      const pair = await session.call(read, new Deadline(clock, CALLS_PER_READ * settings.timeoutMs));
      return this.#take(pair, startedAt);
    } catch (thrown) {
      const problem = problemOf(thrown);
      if (!this.#stopped) this.#fail(problem);
      throw problem;
    }
  }

  #take(read: Pair, startedAt: number): Pair {
    const before = this.#pair;
    const pair = before !== undefined && samePair(before, read) ? before : read;
    this.#pair = pair;
    this.#goodAt = startedAt;
    this.#problem = undefined;
    this.#everHad = true;
    const told = `ok ${pair.version}`;
    if (pair !== before || told !== this.#told) {
      this.#parts.events.info('The LogicMonitor credential was read from Vault.', { version: pair.version });
    }
    this.#told = told;
    return pair;
  }

  #fail(problem: Problem): void {
    this.#problem = problem;
    if (problem.problem !== 'vault-unavailable' || this.#servable() === undefined) this.#pair = undefined;
    const serving = this.#pair?.version ?? null;
    const told = `${reasonOf(problem)} ${serving}`;
    if (told === this.#told) return;
    this.#told = told;
    const { mount, path } = this.#parts.settings.kv;
    this.#parts.events.warn('The LogicMonitor credential cannot be read from Vault.', {
      problem: problem.problem,
      reason: reasonOf(problem),
      servingVersion: serving,
      mount,
      path,
      ...particulars(problem.cause),
    });
  }
}

function reasonOf(problem: Problem): string {
  return problem.extras.operatorReason ?? problem.problem;
}

/** What else the operator can use: status and code of the fault, or the field and what to do about it. */
function particulars(cause: unknown): Readonly<Record<string, unknown>> {
  if (cause instanceof SecretFault) return { field: cause.field, help: SECRET_FAULTS[cause.reason] };
  if (cause instanceof VaultFault) return { status: cause.status, code: cause.code };
  return {};
}
