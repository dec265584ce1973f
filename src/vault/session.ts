import { type Clock, Deadline } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import type { Secret } from '../mint/secret.ts';
import type { VaultClient } from './client.ts';
import { isVaultFault, VaultFault } from './fault.ts';
import { type IssuedToken, type Login, logIn, renew, revoke } from './login.ts';
import { keepAlive } from './upkeep.ts';
import { CoolDown, pause, within } from './waiting.ts';

/** One thing to do with Vault. It may be done more than once, so it must be idempotent. */
export type Operation<T> = (token: Secret, deadline: Deadline) => Promise<T>;

interface SessionParts {
  readonly client: VaultClient;
  readonly login: Login;
  readonly clock: Clock;
  /** 0 … 1. */
  readonly random: () => number;
  readonly events: Events;
  /** The longest that a login may take, in ms. */
  readonly timeoutMs: number;
}

interface Held {
  readonly token: Secret;
  /** Monotonic time of its end. */
  readonly endsAt: number;
}

/** How often a refused operation is tried again with the same token. */
const RETRIES = 2;
const CLOSE_WITHIN_MS = 1_000;

/**
 * The broker's Vault token: got when it is first needed, kept alive, replaced when its life ends or Vault no longer
 * takes it. At most one login is under way at any time, whoever waits for it.
 */
export class VaultSession {
  readonly #parts: SessionParts;
  readonly #refusedLogin: CoolDown;
  readonly #replacing: CoolDown;
  #held: Held | undefined;
  #login: Promise<Held> | undefined;
  #refusal: VaultFault | undefined;
  #stopUpkeep = () => {};
  #closed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#refusedLogin = new CoolDown(parts.clock);
    this.#replacing = new CoolDown(parts.clock);
  }

  /**
   * Carries out `operation` with the token in force. A 403 says little: the token may be dead, a policy newer than it,
   * or the node behind. So the operation is tried twice more with the same token, then once more with a new one, whose
   * login all share that failed with the old. When that does not help either, the next one waits for a cool-down.
   *
   * Throws the `VaultFault` of the last try.
   */
  async call<T>(operation: Operation<T>, deadline: Deadline): Promise<T> {
    const held = await this.#current(deadline);
    try {
      const result = await this.#attempt(operation, held, deadline);
      // It works: a denial that comes after this is another one, and worth a login of its own.
      this.#replacing.reset();
      return result;
    } catch (thrown) {
      if (!isVaultFault(thrown, 'denied')) throw thrown;
      const other = await this.#replacement(held, thrown, deadline);
      const result = await this.#attempt(operation, other, deadline);
      this.#replacing.reset();
      return result;
    }
  }

  /**
   * Ends the session. A token that came from a login is revoked, within a second and without telling when that fails:
   * nobody will use it again, and left alone it would stay valid for the rest of its life. A given one is not ours to end.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopUpkeep();
    const held = await (this.#login ?? Promise.resolve(this.#held)).catch(() => undefined);
    if (held === undefined || this.#parts.login.method === 'token') return;
    this.#stopUpkeep();
    this.#held = undefined;
    const { client, clock } = this.#parts;
    await revoke(client, held.token, new Deadline(clock, CLOSE_WITHIN_MS)).catch(() => {});
  }

  async #attempt<T>(operation: Operation<T>, { token }: Held, deadline: Deadline): Promise<T> {
    const { clock, random } = this.#parts;
    for (let tries = 1; ; tries++) {
      try {
        return await operation(token, deadline);
      } catch (thrown) {
        const waitMs = 100 + 150 * random();
        const mayPass = isVaultFault(thrown, 'denied', 'lagging') && tries <= RETRIES;
        if (!mayPass || deadline.remainingMs() <= waitMs) throw thrown;
        await pause(clock, waitMs);
      }
    }
  }

  async #current(deadline: Deadline): Promise<Held> {
    const held = this.#held;
    if (held !== undefined && this.#parts.clock.monotonic() < held.endsAt) return held;
    return this.#wait(this.#logIn(), deadline);
  }

  /** A token other than the one that was `denied`. Throws that fault when none is to be had now. */
  async #replacement(failed: Held, denied: VaultFault, deadline: Deadline): Promise<Held> {
    if (this.#held !== undefined && this.#held.token !== failed.token) return this.#held;
    if (this.#parts.login.method === 'token') throw denied;
    if (this.#login === undefined) {
      if (!this.#replacing.isOver()) throw denied;
      this.#replacing.begin();
    }
    try {
      return await this.#wait(this.#logIn(), deadline);
    } catch (thrown) {
      // Vault has said no, and nothing that Vault said since takes that back.
      throw isVaultFault(thrown, 'local') ? denied : thrown;
    }
  }

  #wait<T>(promise: Promise<T>, deadline: Deadline): Promise<T> {
    return within(promise, this.#parts.clock, deadline, () => new VaultFault('timeout'));
  }

  /** Logs in, or joins the login that is under way. One that Vault refused is not asked for again at once. */
  #logIn(): Promise<Held> {
    if (this.#closed) return Promise.reject(new VaultFault('local', { code: 'session-closed' }));
    if (this.#refusal !== undefined && !this.#refusedLogin.isOver()) return Promise.reject(this.#refusal);
    this.#login ??= this.#freshLogin().finally(() => {
      this.#login = undefined;
    });
    return this.#login;
  }

  async #freshLogin(): Promise<Held> {
    const { client, login, clock, timeoutMs } = this.#parts;
    const startedAt = clock.monotonic();
    try {
      const issued = await logIn(client, login, new Deadline(clock, timeoutMs));
      this.#refusal = undefined;
      this.#refusedLogin.reset();
      return this.#hold(issued, startedAt);
    } catch (thrown) {
      if (isVaultFault(thrown, 'denied')) {
        this.#refusal = thrown;
        this.#refusedLogin.begin();
      }
      throw thrown;
    }
  }

  /** Takes a new token into use; the upkeep of the one before ends, so that no late answer about it can undo this. */
  #hold(issued: IssuedToken, startedAt: number): Held {
    this.#stopUpkeep();
    const held = { token: issued.token, endsAt: startedAt + issued.lifeMs };
    this.#held = held;
    if (!this.#closed) this.#stopUpkeep = this.#keepAlive(issued);
    return held;
  }

  #keepAlive(first: IssuedToken): () => void {
    const { client, login, clock, random, events, timeoutMs } = this.#parts;
    let told = false;
    let startedAt = clock.monotonic();
    return keepAlive(first, {
      clock,
      random,
      renew: (issued) => {
        startedAt = clock.monotonic();
        return renew(client, issued.token, new Deadline(clock, timeoutMs));
      },
      renewed: (issued) => {
        told = false;
        this.#held = { token: issued.token, endsAt: startedAt + issued.lifeMs };
      },
      replace: login.method === 'token' ? undefined : () => this.#logIn(),
      failed: (thrown, leftMs) => {
        if (told) return;
        told = true;
        const { kind, status, code } = thrown instanceof VaultFault ? thrown : new VaultFault('local');
        const detail = { kind, status, code, endsInS: Math.round(leftMs / 1_000) };
        events.warn('The Vault token could not be renewed; this goes on until its life ends.', detail);
      },
    });
  }
}
