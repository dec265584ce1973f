/** How the keys of issuers are had and kept, and what is kept of tokens; times in milliseconds. */
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
  /**
   * For how long a signature that was verified need not be verified again. What may change meanwhile, the clock and
   * the issuer's keys, is looked at for every request all the same; this bounds how long anything else could matter.
   */
  readonly verifiedForMs: number;
  /** Of how many tokens that is remembered, about 1 kB each. */
  readonly verifiedTokens: number;
}

/** As the broker's own settings have them; `retryMs` and those of verified tokens are no settings. */
export const DEFAULT_SETTINGS: IdentitySettings = {
  fetchTimeoutMs: 2000,
  refreshMs: 600_000,
  staleMs: 86_400_000,
  cooldownMs: 30_000,
  retryMs: 5000,
  verifiedForMs: 300_000,
  verifiedTokens: 5000,
};
