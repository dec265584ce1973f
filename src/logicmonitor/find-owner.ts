import { z } from 'zod';
import { adminIdSchema } from '../mint/ids.ts';
import type { OwnerAnswer } from '../mint/ports.ts';
import { brokenOff, type Exchange } from './client.ts';
import { failureWithin, isLmError, readAnswer } from './json.ts';

export const OWNER_PATH = '/setting/admins/apitokens';
const SIZE = 50;

/** The query that lists the tokens with this access id (LM's `filter`); the answer is compared exactly, here. */
export function ownerQuery(accessId: string): string {
  return `?filter=${encodeURIComponent(`accessId:"${accessId}"`)}&size=${SIZE}`;
}

const listSchema = z.object({
  total: z.int().nonnegative(),
  items: z.array(z.object({ accessId: z.unknown(), adminId: z.unknown() })),
});

/** What an exchange says about whose `accessId` is: one user, or not known. A list that goes on elsewhere proves nothing. */
export function ownerBy(accessId: string, exchange: Exchange, skewMs: number | undefined): OwnerAnswer {
  if (exchange.kind !== 'whole') return { kind: 'unknown', ...brokenOff(exchange) };
  const { status } = exchange.head;
  const unknown = (reason: string): OwnerAnswer => ({ kind: 'unknown', status, reason });
  if (status !== 200 && status !== 401) return unknown(`http-${status}`);
  const read = readAnswer(exchange.head, exchange.body);
  if (!read.ok) return unknown(read.reason);
  if (status === 401) {
    return isLmError(read.object) ? { kind: 'key-rejected', skewMs } : unknown('not-lm-error');
  }
  const failure = failureWithin(read.object);
  if (failure !== undefined) return unknown(failure);
  const list = listSchema.safeParse(read.object);
  if (!list.success) return unknown('not-a-list');
  if (list.data.total > list.data.items.length) return unknown('cut-list');
  const owners = new Set(
    list.data.items.filter((token) => token.accessId === accessId).map((token) => token.adminId),
  );
  const [owner, ...others] = owners;
  if (owner === undefined) return unknown('not-listed');
  if (others.length > 0) return unknown('several-owners');
  const adminId = adminIdSchema.safeParse(typeof owner === 'number' ? String(owner) : owner);
  return adminId.success ? { kind: 'found', adminId: adminId.data } : unknown('not-a-list');
}
