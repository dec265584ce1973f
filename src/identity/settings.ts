/** How the keys of issuers are had and kept; all in milliseconds. */
export interface IdentitySettings {
  /** For one document, from connecting to its last byte. */
  readonly fetchTimeoutMs: number;
  /** Keys are fetched anew when they are this old. */
  readonly refreshMs: number;
  /** How long the last keys serve while their issuer is down. */
  readonly staleMs: number;
  /** The least time between two attempts while there are keys. */
  readonly cooldownMs: number;
  /** The same while there are none. */
  readonly retryMs: number;
}

/** As the broker's own settings have them; `retryMs` is no setting. */
export const DEFAULT_SETTINGS: IdentitySettings = {
  fetchTimeoutMs: 2000,
  refreshMs: 600_000,
  staleMs: 86_400_000,
  cooldownMs: 30_000,
  retryMs: 5000,
};
