import { createHash } from 'node:crypto';
import type { PrincipalId } from '../mint/ids.ts';
import type { Principal } from '../mint/ports.ts';

/**
 * A principal by issuer, alias and subject together; as a JSON array, so that no part can run into the next. What else
 * is known of it does not change who it is.
 */
export function principalOf(
  issuer: string,
  alias: string,
  subject: string,
  known: Partial<Pick<Principal, 'authenticatedBy' | 'claims' | 'misfitClaims' | 'certificate'>> = {},
): Principal {
  const id = createHash('sha256')
    .update(JSON.stringify([issuer, alias, subject]))
    .digest('hex') as PrincipalId; // brand: made here, and nowhere else
  return {
    id,
    issuer,
    alias,
    subject,
    authenticatedBy: 'jwt',
    claims: {},
    misfitClaims: [],
    certificate: null,
    ...known,
  };
}
