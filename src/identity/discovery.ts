import { z } from 'zod';
import { isLoopback } from '../mint/address.ts';
import { endpointFault } from './endpoint.ts';
import { FetchFault, type FetchJson } from './fetch-json.ts';
import type { Issuer } from './issuers.ts';

const documentSchema = z.object({ issuer: z.string(), jwks_uri: z.string() });

/**
 * Finds out where an issuer's keys are, by OpenID Connect Discovery 1.0, section 4. The document must be about exactly this issuer. Its `jwks_uri` may be on another host (Google's is), but a document
 * that came over the network cannot point to this machine in plain http. Throws `FetchFault`.
 */
export async function discoverKeys(issuer: Issuer, fetchJson: FetchJson): Promise<string> {
  const document = documentSchema.safeParse(
    await fetchJson(`${issuer.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
  );
  if (!document.success) throw new FetchFault('the discovery document lacks `issuer` or `jwks_uri`');
  if (document.data.issuer !== issuer.issuer) {
    throw new FetchFault('the discovery document is about another issuer');
  }
  const url = document.data.jwks_uri;
  const fault = endpointFault(url, { loopback: isLoopback(new URL(issuer.issuer)) });
  if (fault !== undefined) throw new FetchFault(`jwks_uri ${fault}`);
  return url;
}
