import { isIP } from 'node:net';
import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Question } from '../mint/ports.ts';
import { adminEntity, type Memberships, serviceEntity, serviceId } from './entities.ts';

/** The actions that every bundle's schema declares. */
export const ACTIONS = ['mintToken', 'revokeToken'] as const;
export type Action = (typeof ACTIONS)[number];

/** One question in Cedar's words, with only the entities that can matter to it. */
interface CedarQuestion {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Context;
  readonly entities: EntityJson[];
}

type Asked = Omit<Question, 'action'> & { readonly action: Action };

/**
 * Puts a question in Cedar's words; what each name means stands in the bundle's schema. Cedar has no null, so what
 * was not given is empty text, and `ttl` is `NO_TTL`.
 */
export function cedarQuestion(asked: Asked, memberships: Memberships): CedarQuestion {
  const { action, principal, request, now } = asked;
  const time = new Date(now);
  return {
    principal: { type: 'Service', id: serviceId(principal.alias, principal.subject) },
    action: { type: 'Action', id: action },
    resource: { type: 'Admin', id: String(request.adminId) },
    context: {
      note: request.note,
      status: request.status,
      type: request.type,
      ttl: asked.ttlS,
      reason: request.reason ?? '',
      wrap: asked.wrap,
      sourceAddress: plainAddress(asked.sourceAddress),
      time: {
        hour: time.getUTCHours(),
        minute: time.getUTCMinutes(),
        weekday: time.getUTCDay() || 7,
      },
      issuer: principal.alias,
    },
    entities: [serviceEntity(principal, memberships), adminEntity(request.adminId, memberships)],
  };
}

/**
 * An address as Cedar takes it: an IPv4 peer of a dual-stack socket (`::ffff:10.0.0.1`) as IPv4, so that ranges
 * apply to it, and no zone. Text that is no address is left as it is, for Cedar to refuse.
 */
export function plainAddress(address: string): string {
  const [bare = ''] = address.split('%');
  if (isIP(bare) !== 6) return bare;
  const { hostname } = new URL(`http://[${bare}]/`);
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (mapped === null) return hostname.slice(1, -1);
  const [high, low] = mapped.slice(1).map((part) => Number.parseInt(part, 16));
  const octets = [high, low].flatMap((part = 0) => [part >> 8, part & 255]);
  return octets.join('.');
}
