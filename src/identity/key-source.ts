import type { Deadline } from '../mint/clock.ts';
import type { Algorithm } from './algorithms.ts';
import type { VerificationKey } from './keys.ts';

/** How it stands with one issuer's keys. */
export interface IssuerState {
  readonly alias: string;
  /** How many keys can verify tokens now; 0 also when they are too old to serve. */
  readonly keys: number;
  /** Milliseconds since they were fetched; null when they never were, as those of a file. */
  readonly ageMs: number | null;
  /** Why the last fetch failed; null when it did not, or when there was none yet. */
  readonly failure: string | null;
}

/** Where the keys of one issuer come from. A key id means something within its issuer only. */
export interface KeySource {
  /** The keys that a token's header may mean among those that serve now, as `fittingKeys` has them; fetches nothing. */
  known(algorithm: Algorithm, kid: string | undefined): readonly VerificationKey[];
  /** The same, after a fetch when one may help; `unavailable` when there are no keys and they cannot be had in time. */
  select(
    algorithm: Algorithm,
    kid: string | undefined,
    deadline: Deadline,
  ): Promise<readonly VerificationKey[] | 'unavailable'>;
  /**
   * Has the keys fetched anew for a token that names no key and fits none that is known: its issuer may have another
   * by now. False when that cannot be, or it is too soon.
   */
  fetchAgain(deadline: Deadline): Promise<boolean>;
  /** Milliseconds until the next fetch may begin. */
  retryInMs(): number;
  /** Fetches the keys now, or waits for the fetch that is under way. Never throws. */
  fetch(): Promise<void>;
  state(): IssuerState;
  close(): Promise<void>;
}
