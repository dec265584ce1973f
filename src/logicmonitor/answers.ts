import { z } from 'zod';
import type { CreateAnswer, LmToken, RefusedBy, SignedCall } from '../mint/ports.ts';
import { Secret } from '../mint/secret.ts';
import { brokenOff, type Exchange } from './client.ts';
import { failureWithin, isLmError, readAnswer } from './json.ts';

type Timeless<T> = T extends unknown ? Omit<T, 'durationMs'> : never;
/** What one POST came to, without the time it took. */
export type Created = Timeless<CreateAnswer>;

const INT32_MAX = 2_147_483_647;
const PATH = /^\/setting\/admins\/(\d+)\/apitokens$/;

/** What no token can do without, as an LMv1 token cannot without its access id; other fields are taken as they come. */
const essentials = z.object({
  id: z.int().min(1).max(INT32_MAX),
  accessKey: z.string().min(1),
});

const REFUSALS: ReadonlyMap<number, RefusedBy> = new Map([
  [403, 'upstream-forbidden'],
  [404, 'admin-not-found'],
  [409, 'upstream-conflict'],
]);

/**
 * What an exchange says about a create call. Only LM's own JSON proves that nothing was made; of everything else that
 * came after a byte was sent, the outcome is unknown.
 *
 * `skewMs` is what this answer's `Date` told; `now` (epoch ms) stands in for a `createdOn` that LM left out.
 */
export function createdBy(
  call: SignedCall,
  exchange: Exchange,
  skewMs: number | undefined,
  now: number,
): Created {
  if (exchange.kind === 'unsent') return { kind: 'unreachable', reason: exchange.reason };
  if (exchange.kind === 'cut') return { kind: 'ambiguous', ...brokenOff(exchange) };
  const { head, body } = exchange;
  const { status } = head;
  const ambiguous = (reason: string): Created => ({ kind: 'ambiguous', status, reason });
  if (status >= 300 && status < 400) return { kind: 'refused', status, problem: 'upstream-protocol' };
  if (status !== 200 && (status < 400 || status > 499)) return ambiguous(`http-${status}`);
  const read = readAnswer(head, body);
  if (!read.ok) return ambiguous(read.reason);
  if (status !== 200) {
    if (!isLmError(read.object)) return ambiguous('not-lm-error');
    if (status === 401) return { kind: 'key-rejected', status, skewMs };
    if (status === 429) return { kind: 'rate-limited', status };
    return { kind: 'refused', status, problem: REFUSALS.get(status) ?? 'upstream-rejected' };
  }
  const failure = failureWithin(read.object);
  if (failure !== undefined) return ambiguous(failure);
  const token = tokenIn(read.object, call, now + (skewMs ?? 0));
  return typeof token === 'string' ? ambiguous(token) : { kind: 'created', status, token };
}

/** The token in LM's answer to `call`, or the code of what it lacks. */
function tokenIn(
  object: Readonly<Record<string, unknown>>,
  call: SignedCall,
  lmNow: number,
): LmToken | string {
  const read = essentials.safeParse(object);
  if (!read.success) return 'not-a-token';
  const { id, accessKey } = read.data;
  const accessId =
    typeof object['accessId'] === 'string' && object['accessId'] !== '' ? object['accessId'] : null;
  if (accessId === null && !isBearer(call)) return 'not-a-token';
  // Another admin's token is the answer to another call.
  const { adminId, createdOn, status, roles } = object;
  if (typeof adminId === 'number' && String(adminId) !== PATH.exec(call.path)?.[1]) return 'wrong-admin';
  return {
    id,
    accessId,
    accessKey: new Secret(accessKey),
    createdOn: isEpochSeconds(createdOn) ? createdOn : Math.floor(lmNow / 1000),
    status: status === 1 || status === 2 ? status : orderedStatus(call),
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : [],
  };
}

/** Up to the year 9999; a value in milliseconds is none. */
function isEpochSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 253_402_300_799;
}

function isBearer(call: SignedCall): boolean {
  return new URLSearchParams(call.query).get('type') === 'bearer';
}

/** The status that the signed body asked for. */
function orderedStatus(call: SignedCall): 1 | 2 {
  const body = z.object({ status: z.literal(1) }).safeParse(JSON.parse(call.body));
  return body.success ? 1 : 2;
}
