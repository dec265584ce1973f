import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Disk, type DiskFile, nodeDisk } from '../../src/audit/disk.ts';
import type { AuditFile } from '../../src/audit/log.ts';
import { type AuditSettings, openAuditLog } from '../../src/audit/open.ts';
import type { Clock } from '../../src/mint/clock.ts';
import type { PrincipalId } from '../../src/mint/ids.ts';
import { adminIdSchema, type MintId, newDecisionId, newMintId, requestIdFrom } from '../../src/mint/ids.ts';
import type { Events } from '../../src/mint/ports.ts';
import { Problem } from '../../src/mint/problems.ts';
import type {
  DeliveryEvent,
  EndEvent,
  IntentEvent,
  OutcomeEvent,
  RefusalsEvent,
  RequestEvent,
  SystemEvent,
} from '../../src/mint/records.ts';

const SHA256 = 'a'.repeat(64);
const adminId = adminIdSchema.parse('32');

function context() {
  return {
    requestId: requestIdFrom([], randomBytes),
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    principal: {
      id: SHA256 as PrincipalId, // brand: identity/ makes them, and is not what is tested here
      alias: 'ci',
      issuer: 'https://issuer.example',
      subject: 'build',
      authenticatedBy: 'jwt',
    },
    source: { address: '192.0.2.7', userAgent: 'curl/8.5.0' },
  } as const;
}

const requested = { note: 'nightly', status: 2, type: 'API token', reason: null } as const;
const decision = () => ({
  id: newDecisionId(randomBytes),
  allow: true,
  reason: null,
  policies: ['ci-may-mint'],
  errors: [],
  obligations: null,
  bundle: SHA256,
  input: {
    action: 'mintToken' as const,
    time: '2026-11-25T13:05:00.000Z',
    ttlS: null,
    wrap: false,
    keyed: false,
    claims: { project_id: '7', roles: ['a'] },
    misfitClaims: [],
    certificate: null,
    teams: ['ci'],
    groups: [],
  },
});

export const freshMintId = (): MintId => newMintId(randomBytes);

export function intent(mintId = freshMintId(), note = 'nightly'): IntentEvent {
  return {
    kind: 'intent',
    ...context(),
    mintId,
    adminId,
    requested: { ...requested, note },
    decision: decision(),
    credentialVersion: 3,
  };
}

export function outcome(mintId: MintId): OutcomeEvent {
  return {
    kind: 'outcome',
    ...context(),
    mintId,
    adminId,
    outcome: 'minted',
    problem: null,
    reason: null,
    upstream: { status: 200, durationMs: 12.5 },
    token: {
      id: 7,
      accessId: 'abcdefghijklmnop',
      accessKeySha256: SHA256,
      roles: ['readonly'],
      createdOn: 1_790_000_000,
    },
    leaseEnd: null,
  };
}

export function notSent(mintId: MintId): OutcomeEvent {
  const problem = 'audit-unavailable';
  const upstream = { status: null, durationMs: 0 };
  return { ...outcome(mintId), outcome: 'not-sent', problem, reason: 'late', upstream, token: null };
}

export function delivery(mintId: MintId): DeliveryEvent {
  return { kind: 'delivery', ...context(), mintId, delivery: 'delivered' };
}

export function end(mintId: MintId): EndEvent {
  const what = { end: 'undelivered', tokenId: 7, accessId: null, how: 'gone', tries: 2 } as const;
  return { kind: 'end', ...context(), mintId, adminId, ...what };
}

export function request(): RequestEvent {
  return {
    kind: 'request',
    ...context(),
    adminId,
    requested,
    decision: { ...decision(), allow: false, reason: 'no-permit' },
    outcome: 'refused',
    problem: 'policy-denied',
    reason: 'no-permit',
    durationMs: 1.5,
  };
}

export const refusals: RefusalsEvent = {
  kind: 'refusals',
  since: '2026-11-24T10:00:00.000Z',
  until: '2026-11-24T10:00:10.000Z',
  counts: [{ cause: 'unauthenticated', network: '192.0.2.0/24', count: 12 }],
  samples: [
    {
      time: '2026-11-24T10:00:00.000Z',
      cause: 'unauthenticated',
      requestId: null,
      address: '192.0.2.7',
      detail: 'expired',
    },
  ],
};

export const started: SystemEvent = { kind: 'system', event: 'start', detail: { version: '0.1.0', pid: 1 } };

/** Real time whose timers keep the process alive, so that a test may wait for one. */
export const wakefulClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** Time that only moves when it is told to. */
export class ManualClock implements Clock {
  #now = Date.parse('2026-11-24T10:00:00.000Z');
  #timers = new Set<{ at: number; then: () => void }>();

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, then };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const timer of [...this.#timers]) {
      if (timer.at > this.#now || !this.#timers.delete(timer)) continue;
      timer.then();
    }
  }
}

export interface Told {
  readonly level: 'warn' | 'info';
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Keeps what the operator is told. */
export class Heard implements Events {
  readonly told: Told[] = [];

  warn(message: string, detail: Readonly<Record<string, unknown>>): void {
    this.told.push({ level: 'warn', message, detail });
  }

  info(message: string, detail: Readonly<Record<string, unknown>>): void {
    this.told.push({ level: 'info', message, detail });
  }

  warnings(): string[] {
    return this.told.filter(({ level }) => level === 'warn').map(({ message }) => message);
  }
}

/** The real file system, with faults on demand; a hook that is not set changes nothing. */
export class FaultyDisk implements Disk {
  onOpen: () => Promise<void> = async () => undefined;
  /** Gets the bytes and the real write. */
  onWrite: (bytes: Uint8Array, write: DiskFile['write']) => Promise<number> = (bytes, write) => write(bytes);
  onDatasync: () => Promise<void> = async () => undefined;
  free: number | undefined;
  datasyncs = 0;

  makeFolder = nodeDisk.makeFolder;
  syncFolder = nodeDisk.syncFolder;
  facts = nodeDisk.facts;

  async freeBytes(path: string): Promise<number> {
    return this.free ?? (await nodeDisk.freeBytes(path));
  }

  async open(path: string, how: 'append' | 'reopen' | 'rewrite'): Promise<DiskFile> {
    await this.onOpen();
    const file = await nodeDisk.open(path, how);
    return {
      write: (bytes) => this.onWrite(bytes, (some) => file.write(some)),
      read: (into, position) => file.read(into, position),
      datasync: async () => {
        this.datasyncs += 1;
        await this.onDatasync();
        await file.datasync();
      },
      sync: () => file.sync(),
      facts: () => file.facts(),
      truncate: (size) => file.truncate(size),
      close: () => file.close(),
    };
  }
}

/** An error as the system's calls throw it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A promise and the ways to settle it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Opens a log for a test and closes it with the test. */
export async function testLog(
  t: { teardown(fn: () => Promise<void>): unknown },
  settings: AuditSettings,
  { disk = new FaultyDisk(), clock = wakefulClock }: { disk?: FaultyDisk; clock?: Clock } = {},
): Promise<{ log: AuditFile; disk: FaultyDisk; heard: Heard }> {
  const heard = new Heard();
  const log = await openAuditLog({ minFreeBytes: 0, ...settings }, { clock, events: heard, disk });
  t.teardown(() => log.close());
  return { log, disk, heard };
}

/** The lines of a folder's log, parsed, not checked. */
export function linesOf(dir: string): Record<string, unknown>[] {
  const text = readFileSync(join(dir, 'audit.jsonl'), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

/** The kinds of a folder's records, in order. */
export const kindsOf = (dir: string): unknown[] => linesOf(dir).map(({ kind }) => kind);

/** Whether sequence numbers run from 0 without a gap. */
export const gapless = (dir: string): boolean => linesOf(dir).every(({ seq }, i) => seq === i);

/** Resolves when `holds` does; looks every 5 ms. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The operator's reason of the `audit-unavailable` that a promise rejects with; `durable` when it does not. */
export async function reasonOf(promise: Promise<void>): Promise<string | undefined> {
  try {
    await promise;
    return 'durable';
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.problem !== 'audit-unavailable') throw thrown;
    return thrown.extras.operatorReason;
  }
}
