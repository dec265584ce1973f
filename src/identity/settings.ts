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

/** Hourly, a day's grace: what Entra ID advises and every platform's rotation allows. */
export const DEFAULT_SETTINGS: IdentitySettings = {
  fetchTimeoutMs: 3000,
  refreshMs: 3_600_000,
  staleMs: 86_400_000,
  cooldownMs: 30_000,
  retryMs: 5000,
};
