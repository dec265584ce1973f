import { Faults } from './faults.ts';
import type { Fields } from './filter.ts';
import { Journal } from './journal.ts';
import { drawnInBulk, newAccessId, newKey, type Randomness } from './keys.ts';
import { type AccountOptions, adminSchema, keySchema, SEEDED } from './options.ts';
import { type Admin, Portal, type Token } from './portal.ts';
import { RateLimit } from './ratelimit.ts';
import { changedSettings, type Settings, settingsSchema } from './settings.ts';
import { fieldsOf } from './tokens.ts';

/** What `GET /_control/state` shows. */
export interface AccountState {
  now: number;
  requests: number;
  tokens: Fields[];
  counts: { tokens: number; byAdmin: Record<string, number> };
  locks: { accessId: string; failures: number; lockedUntil: string | null }[];
  admins: Admin[];
  settings: Settings;
  faults: ReturnType<Faults['list']>;
}

/** One LogicMonitor account in memory: users, tokens, limits, and the faults to show. */
export class Account {
  readonly faults = new Faults();
  readonly journal = new Journal();
  readonly rate = new RateLimit();
  readonly random: Randomness;
  portal = new Portal();
  settings: Settings;
  #stop = new AbortController();
  #waiting: { test: () => boolean; resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly #options: AccountOptions;
  readonly #clock: () => number;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.random = options.random ?? drawnInBulk();
    this.settings = this.#initialSettings();
    this.#seed();
  }

  /** LM's clock, ms. */
  now(): number {
    return this.#clock() + this.settings.clockOffsetMs;
  }

  /** Aborted by the next reset, and by the end: whoever waits for a fault's time gives up then. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Changes settings. Throws a ZodError. */
  set(change: unknown): Settings {
    this.settings = changedSettings(this.settings, change);
    return this.settings;
  }

  /** Adds a user, or changes one. Throws a ZodError. */
  setAdmin(input: unknown): Admin {
    const { id, ...given } = adminSchema.parse(input);
    const before = this.portal.admins.get(id);
    const admin: Admin = {
      id,
      username: given.username ?? before?.username ?? `user${id}`,
      roles: given.roles ?? before?.roles ?? ['readonly'],
      status: given.status ?? before?.status ?? 'active',
      manages: given.manages ?? before?.manages ?? 'own',
    };
    this.portal.admins.set(id, admin);
    return admin;
  }

  /** Puts a key pair into the account, as somebody would in LM's console. Throws a ZodError or a RangeError. */
  addKey(input: unknown): Token & { accessId: string } {
    const { adminId, accessId = newAccessId(this.random), ...given } = keySchema.parse(input);
    if (!this.portal.admins.has(adminId)) throw new RangeError(`there is no admin ${adminId}`);
    if (this.portal.byAccessId(accessId)) throw new RangeError(`access id ${accessId} is taken`);
    const token = this.portal.add({
      adminId,
      type: 'lmv1',
      accessId,
      accessKey: given.accessKey ?? newKey(this.random),
      note: given.note,
      status: 2,
      createdBy: 'console',
      createdAt: this.now(),
      lastUsedOn: 0,
      lastAuthIp: '',
    });
    this.changed();
    return { ...token, accessId };
  }

  /** Removes a key pair; false when there is none of that access id. */
  removeKey(accessId: string): boolean {
    const token = this.portal.byAccessId(accessId);
    return token !== undefined && this.portal.remove(token);
  }

  /** Everything but secrets. */
  state(): AccountState {
    const tokens = [...this.portal.tokens()];
    const byAdmin: Record<string, number> = {};
    for (const { adminId } of tokens) byAdmin[adminId] = (byAdmin[adminId] ?? 0) + 1;
    return {
      now: this.now(),
      requests: this.journal.count,
      tokens: tokens.map((token) => this.#shown(token)),
      counts: { tokens: tokens.length, byAdmin },
      locks: [...this.portal.locks].map(([accessId, { failures, lockedUntil }]) => ({
        accessId,
        failures,
        lockedUntil: lockedUntil > this.now() ? new Date(lockedUntil).toISOString() : null,
      })),
      admins: [...this.portal.admins.values()],
      settings: this.settings,
      faults: this.faults.list(),
    };
  }

  /** Back to what the options say; whatever was still to come does not. */
  reset(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.portal = new Portal();
    this.settings = this.#initialSettings();
    this.faults.clear();
    this.journal.clear();
    this.rate.clear();
    this.#seed();
    this.changed();
  }

  /** Ends every wait for good. */
  end(): void {
    this.#stop.abort();
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the simulator was closed'));
  }

  /** Resolves when the test holds: it is tried now and after each arrival, commit and answer. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ test, resolve, reject }));
  }

  /** Says that something happened that `until` may wait for. */
  changed(): void {
    if (this.#waiting.length === 0) return;
    const met = this.#waiting.filter(({ test }) => test());
    this.#waiting = this.#waiting.filter((waiter) => !met.includes(waiter));
    for (const { resolve } of met) resolve();
  }

  #initialSettings(): Settings {
    return changedSettings(settingsSchema.parse({}), this.#options.settings ?? {});
  }

  #seed(): void {
    for (const admin of [...SEEDED, ...(this.#options.admins ?? [])]) this.setAdmin(admin);
    for (const key of this.#options.keys ?? []) this.addKey(key);
  }

  #shown(token: Token): Fields {
    const { accessKey: _, ...fields } = fieldsOf(token, this.portal.admins.get(token.adminId), this.settings);
    return fields;
  }
}
