import type { KvLocation } from './kv.ts';
import type { Login } from './login.ts';

/** How this broker uses Vault or OpenBao. Nothing else is consulted: no `VAULT_*` variable, no token file. */
export interface VaultSettings {
  /** The server's URL, without `/v1`. */
  readonly address: string;
  /** Sent as `X-Vault-Namespace`. */
  readonly namespace?: string | undefined;
  /** PEM of the CAs to trust, instead of the system's. */
  readonly caPem?: string | undefined;
  readonly login: Login;
  readonly kv: KvLocation;
  /** The longest that one call to Vault may take, in ms. */
  readonly timeoutMs: number;
  /** How often the pair is read again, in ms. */
  readonly rereadEveryMs: number;
  /** How long after its last good read the pair serves on while Vault is away, in ms. */
  readonly maxStaleMs: number;
}
