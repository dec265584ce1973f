import { parseLmv1, signatureFits } from './lmv1.ts';
import type { Portal, Token } from './portal.ts';
import type { Settings } from './settings.ts';

/** Why a request was not authenticated. Shown in the journal only: LM's answer is the same for all. */
export type AuthenticationFailure =
  | 'header'
  | 'timestamp'
  | 'unknown-key'
  | 'locked'
  | 'signature'
  | 'disabled'
  | 'suspended'
  | 'bearer-needs-v3';

/** What authentication looks at. `path` is percent-decoded, since LM's SDK signs the decoded path. */
interface Presented {
  authorization: string | undefined;
  version: 'v3' | 'v1';
  verb: string;
  path: string;
  body: Uint8Array;
  /** LM's clock, ms. */
  now: number;
}

/**
 * The token that signed the request, or why none did. In LM's documented order: timestamp, key by access id,
 * signature; then [A] whether the token is enabled and its owner active. Failures after the key was found
 * count towards the lock of that access id [A], a success sets the count back, and a locked one gets the same 401 [A].
 */
export function authenticate(
  portal: Portal,
  settings: Settings,
  presented: Presented,
): Token | AuthenticationFailure {
  const { authorization = '', now } = presented;
  if (authorization.startsWith('Bearer ')) {
    if (presented.version !== 'v3') return 'bearer-needs-v3';
    const token = portal.byBearer(authorization.slice('Bearer '.length));
    return token === undefined ? 'unknown-key' : usable(portal, token);
  }
  const header = parseLmv1(authorization);
  if (header === undefined) return 'header';
  // [A] Exactly 30 minutes is still accepted.
  if (Math.abs(now - Number(header.epoch)) > settings.signatureWindowMs) return 'timestamp';
  const token = portal.byAccessId(header.accessId);
  if (token === undefined) return 'unknown-key';
  const lock = portal.locks.get(header.accessId);
  if (lock !== undefined && lock.lockedUntil > now) return 'locked';
  const signed = { verb: presented.verb, epoch: header.epoch, body: presented.body, path: presented.path };
  const verdict = signatureFits(header.signature, token.accessKey, signed)
    ? usable(portal, token)
    : 'signature';
  if (typeof verdict === 'string') countFailure(portal, settings, header.accessId, now);
  else portal.locks.delete(header.accessId);
  return verdict;
}

function usable(portal: Portal, token: Token): Token | AuthenticationFailure {
  if (token.status === 1) return 'disabled';
  if (portal.admins.get(token.adminId)?.status !== 'active') return 'suspended';
  return token;
}

function countFailure(portal: Portal, settings: Settings, accessId: string, now: number): void {
  if (settings.lockAfter === 0) return;
  const before = portal.locks.get(accessId);
  // After a lock has run out, counting begins anew.
  const failures = before === undefined || before.lockedUntil > 0 ? 1 : before.failures + 1;
  const lockedUntil = failures >= settings.lockAfter ? now + settings.lockMs : 0;
  portal.locks.set(accessId, { failures, lockedUntil });
}
