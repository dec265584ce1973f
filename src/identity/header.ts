import type { Issuer } from './issuers.ts';
import type { Refusal } from './refusals.ts';

/** What a JWT-SVID's header may hold (JWT-SVID, section 2). */
const SVID_HEADER = new Set(['alg', 'kid', 'typ']);

/**
 * Why a token with this header is none that the entry takes; undefined when it is one. A `typ` is a media type (RFC
 * 7515, section 4.1.9): its letter case does not matter, and `application/` may stand before it. Without a pin it may
 * be absent.
 */
export function headerRefusal(
  header: Readonly<Record<string, unknown>>,
  { typ: pinned, trustDomain }: Issuer,
): Refusal | undefined {
  const svid = trustDomain !== undefined;
  if (svid && Object.keys(header).some((name) => !SVID_HEADER.has(name))) return 'header-unfit';
  const typ = header['typ'] === undefined ? undefined : String(header['typ']).toLowerCase();
  const taken = pinned === undefined ? ['jwt', svid ? 'jose' : 'at+jwt'] : [pinned.toLowerCase()];
  if (typ === undefined) return pinned === undefined ? undefined : 'typ-not-allowed';
  return taken.includes(typ.replace(/^application\//, '')) ? undefined : 'typ-not-allowed';
}
