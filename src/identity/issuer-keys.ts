import { Agent } from 'undici';
import type { Clock, Deadline } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import type { Algorithm } from './algorithms.ts';
import { createFetchJson, FetchFault, type FetchJson } from './fetch-json.ts';
import type { Issuer } from './issuers.ts';
import { fetchKeySet } from './key-set.ts';
import type { IssuerState, KeySource } from './key-source.ts';
import { fittingKeys, type VerificationKey, verificationKeys } from './keys.ts';
import type { IdentitySettings } from './settings.ts';

/**
 * The keys of an issuer that publishes them. They are fetched anew every `refreshMs`, by one fetch that all who wait share; while the issuer
 * is down the last ones serve on for `staleMs`. A key id that is not among them causes a fetch too, unless the last
 * *attempt*, failed or not, was less than `cooldownMs` ago: strangers can make up key ids, and must not be able to
 * make the broker hammer its issuer.
 */
export class IssuerKeys implements KeySource {
  readonly #issuer: Issuer;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #settings: IdentitySettings;
  readonly #agent: Agent;
  readonly #fetchJson: FetchJson;
  #keys: readonly VerificationKey[] = [];
  #fetchedAt: number | undefined;
  #attemptedAt: number | undefined;
  #attempt: Promise<void> | undefined;
  #failure: string | null = null;
  #cancelNext = () => {};
  #closed = false;

  constructor(issuer: Issuer, parts: { clock: Clock; events: Events; settings: IdentitySettings }) {
    this.#issuer = issuer;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#settings = parts.settings;
    const { fetchTimeoutMs } = parts.settings;
    this.#agent = new Agent({
      connections: 1,
      // Said, since NODE_TLS_REJECT_UNAUTHORIZED would otherwise be asked.
      connect: {
        timeout: fetchTimeoutMs,
        rejectUnauthorized: true,
        ...(issuer.ca === undefined ? {} : { ca: issuer.ca }),
      },
      keepAliveTimeout: 1000,
    });
    this.#fetchJson = createFetchJson(this.#agent, parts.clock, fetchTimeoutMs);
  }

  fetch(): Promise<void> {
    this.#attempt ??= this.#fetchOnce().finally(() => {
      this.#attempt = undefined;
    });
    return this.#attempt;
  }

  known(algorithm: Algorithm, kid: string | undefined): readonly VerificationKey[] {
    return fittingKeys(this.#usable(), algorithm, kid);
  }

  async select(
    algorithm: Algorithm,
    kid: string | undefined,
    deadline: Deadline,
  ): Promise<readonly VerificationKey[] | 'unavailable'> {
    const known = this.known(algorithm, kid);
    if (known.length > 0) return known;
    if (this.#attempt !== undefined || this.retryInMs() === 0) await this.#fetchBy(deadline);
    return this.#usable().length === 0 ? 'unavailable' : this.known(algorithm, kid);
  }

  /** The cool-down holds for it too. */
  async fetchAgain(deadline: Deadline): Promise<boolean> {
    if (this.#attempt === undefined && this.retryInMs() > 0) return false;
    await this.#fetchBy(deadline);
    return true;
  }

  /** Milliseconds until the next fetch may begin. Without any keys that is sooner, since nobody can be served. */
  retryInMs(): number {
    if (this.#attemptedAt === undefined) return 0;
    const { cooldownMs, retryMs } = this.#settings;
    const pauseMs = this.#usable().length === 0 ? retryMs : cooldownMs;
    return Math.max(0, pauseMs - (this.#clock.monotonic() - this.#attemptedAt));
  }

  state(): IssuerState {
    return {
      alias: this.#issuer.alias,
      keys: this.#usable().length,
      ageMs: this.#ageMs() ?? null,
      failure: this.#failure,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelNext();
    await this.#agent.destroy();
    await this.#attempt;
  }

  #ageMs(): number | undefined {
    return this.#fetchedAt === undefined ? undefined : this.#clock.monotonic() - this.#fetchedAt;
  }

  #usable(): readonly VerificationKey[] {
    const ageMs = this.#ageMs();
    return ageMs !== undefined && ageMs <= this.#settings.staleMs ? this.#keys : [];
  }

  /** Waits for a fetch as long as this caller can; the fetch goes on for the others. */
  #fetchBy(deadline: Deadline): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(deadline.remainingMs(), resolve);
      void this.fetch().then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #fetchOnce(): Promise<void> {
    if (this.#closed) return;
    this.#cancelNext();
    this.#attemptedAt = this.#clock.monotonic();
    const { alias } = this.#issuer;
    try {
      const keys = verificationKeys(await fetchKeySet(this.#issuer, this.#fetchJson), this.#issuer);
      if (keys === undefined) throw new FetchFault('no key set, or one with too many keys');
      // An empty set would shut everybody out, and is more often a slip of the issuer than its wish.
      if (keys.length === 0) throw new FetchFault('no key in the set can verify tokens');
      if (this.#failure !== null) this.#events.info('the issuer’s keys can be had again', { alias });
      this.#keys = keys;
      this.#fetchedAt = this.#clock.monotonic();
      this.#failure = null;
    } catch (error) {
      if (this.#closed) return;
      this.#failure = error instanceof FetchFault ? error.message : 'internal';
      const detail = { alias, reason: this.#failure, keys: this.#usable().length };
      this.#events.warn('the issuer’s keys could not be fetched', detail);
    }
    const nextMs = this.#failure === null ? this.#settings.refreshMs : this.retryInMs();
    this.#cancelNext = this.#clock.after(Math.max(1, nextMs), () => void this.fetch());
  }
}
