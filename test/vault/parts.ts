import { inspect } from 'node:util';
import { pino } from 'pino';
import { type Clock, Deadline, systemClock } from '../../src/mint/clock.ts';
import type { Events } from '../../src/mint/ports.ts';
import { Problem } from '../../src/mint/problems.ts';
import { Secret } from '../../src/mint/secret.ts';
import type { VaultPairSource } from '../../src/vault/credential.ts';
import { openCredential } from '../../src/vault/open.ts';
import type { VaultSettings } from '../../src/vault/settings.ts';
import type { OpenBao } from '../support/openbao.ts';
import type { Owner } from './fake-vault.ts';

/** What the operator was told, in order. */
export interface Told extends Events {
  readonly lines: { level: 'warn' | 'info'; message: string; detail: Readonly<Record<string, unknown>> }[];
  /** The reasons of the warnings. */
  reasons(): unknown[];
}

export function recordEvents(): Told {
  const lines: Told['lines'] = [];
  return {
    lines,
    reasons: () => lines.filter(({ level }) => level === 'warn').map(({ detail }) => detail['reason']),
    warn: (message, detail) => lines.push({ level: 'warn', message, detail }),
    info: (message, detail) => lines.push({ level: 'info', message, detail }),
  };
}

/** Settings that read by AppRole what a provisioned server holds; the timer is slow enough never to matter. */
export function settingsFor({ server, kv, roleId, secretId }: OpenBao): VaultSettings {
  return {
    address: server.address,
    login: {
      method: 'approle',
      mount: 'approle',
      roleId: new Secret(roleId),
      secretId: new Secret(secretId),
    },
    kv: {
      mount: kv.mount,
      path: kv.path,
      accessIdField: kv.fields.accessId,
      accessKeyField: kv.fields.accessKey,
    },
    timeoutMs: 2_000,
    rereadEveryMs: 3_600_000,
    maxStaleMs: 900_000,
  };
}

/** Settings for a fake server that takes any login. */
export function settingsAt(address: string, other: Partial<VaultSettings> = {}): VaultSettings {
  return {
    address,
    login: {
      method: 'approle',
      mount: 'approle',
      roleId: new Secret('role'),
      secretId: new Secret('the-secret-id'),
    },
    kv: { mount: 'secret', path: 'lm', accessIdField: 'id', accessKeyField: 'key' },
    timeoutMs: 2_000,
    rereadEveryMs: 3_600_000,
    maxStaleMs: 900_000,
    ...other,
  };
}

/** A source that ends with the test; not started yet. */
export function openSource(
  t: Owner,
  settings: VaultSettings,
  { clock = systemClock, events = recordEvents() }: { clock?: Clock; events?: Told } = {},
): { source: VaultPairSource; events: Told; clock: Clock } {
  const source = openCredential(settings, { clock, events, random: () => 0 });
  t.teardown(() => source.stop());
  return { source, events, clock };
}

/** A request's deadline of 20 s. */
export const soon = (clock: Clock = systemClock, ms = 20_000) => new Deadline(clock, ms);

/** The name of the problem and the operator's reason that something failed with, or what it came to. */
export async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (thrown) {
    if (thrown instanceof Problem) return `${thrown.problem} ${thrown.extras.operatorReason}`;
    throw thrown;
  }
}

/** A thing as everything that could come to print it would: the inspector, JSON, the logger. */
export function rendered(thing: unknown): string {
  let logged = '';
  const log = pino({}, { write: (line: string) => (logged += line) });
  log.error({ err: thing, thing }, 'rendered');
  const seen = inspect(thing, { depth: 20, showHidden: true, getters: true, maxStringLength: null });
  return [seen, JSON.stringify(thing), String(thing), logged].join('\n');
}
