import { discoverKeys } from './discovery.ts';
import type { FetchJson } from './fetch-json.ts';
import type { Issuer } from './issuers.ts';
import { readTokenFile } from './token-file.ts';

/**
 * Fetches an issuer's key set: from the URL of its entry, else from where discovery says. The entry's bearer token goes
 * to the URL that stands beside it and to no other, since a document could name any. Throws `FetchFault`.
 */
export async function fetchKeySet(issuer: Issuer, fetchJson: FetchJson): Promise<unknown> {
  const { jwks, jwksTokenFile } = issuer;
  if (jwks === undefined) return fetchJson(await discoverKeys(issuer, fetchJson));
  return fetchJson(jwks, jwksTokenFile === undefined ? undefined : await readTokenFile(jwksTokenFile));
}
