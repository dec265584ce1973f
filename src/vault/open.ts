import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { vaultClient } from './client.ts';
import { VaultPairSource } from './credential.ts';
import { pairReader } from './kv.ts';
import { vaultPath } from './path.ts';
import { VaultSession } from './session.ts';
import type { VaultSettings } from './settings.ts';
import { openTransport } from './transport.ts';

interface VaultParts {
  readonly clock: Clock;
  /** 0 … 1, such as `Math.random`: it spreads retries and renewals, and guards nothing. */
  readonly random: () => number;
  readonly events: Events;
}

/** LM's credential in Vault, all parts put together; sends nothing before its `start`. Throws a `TypeError` for settings that cannot be a URL or a path. */
export function openCredential(settings: VaultSettings, parts: VaultParts): VaultPairSource {
  const transport = openTransport(settings, parts.clock);
  const client = vaultClient(settings, transport);
  const { login, timeoutMs } = settings;
  if (login.method !== 'token') vaultPath(login.mount); // a mount that cannot be one is refused now, not at the first login
  const session = new VaultSession({ client, login, timeoutMs, ...parts });
  const read = pairReader(client, settings.kv);
  return new VaultPairSource({ session, read, settings, disconnect: transport.destroy, ...parts });
}
