import type { Issuer } from './issuers.ts';
import type { KeySource } from './key-source.ts';
import { fittingKeys, type VerificationKey } from './keys.ts';

/** The keys of an issuer whose key set stands in a file of the bundle: those, and no others, and nothing is fetched. */
export function fileKeys({ alias }: Issuer, keys: readonly VerificationKey[]): KeySource {
  const known: KeySource['known'] = (algorithm, kid) => fittingKeys(keys, algorithm, kid);
  return {
    known,
    select: async (algorithm, kid) => known(algorithm, kid),
    fetchAgain: async () => false,
    retryInMs: () => 0,
    fetch: async () => {},
    state: () => ({ alias, keys: keys.length, ageMs: null, failure: null }),
    close: async () => {},
  };
}
