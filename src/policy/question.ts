import type { Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { plainAddress } from '../mint/address.ts';
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
