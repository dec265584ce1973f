import { isIP } from 'node:net';
import type { CedarValueJson, Context, EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { plainAddress } from '../mint/address.ts';
import type { ClaimValue, Question } from '../mint/ports.ts';
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

export type Asked = Omit<Question, 'action'> & { readonly action: Action };

export function serviceUid({ principal }: Asked): TypeAndId {
  return { type: 'Service', id: serviceId(principal.alias, principal.subject) };
}

export function adminUid({ request }: Asked): TypeAndId {
  return { type: 'Admin', id: String(request.adminId) };
}

/**
 * Puts a question in Cedar's words; what each name means stands in the bundle's schema. Cedar has no null, so what
 * was not given is empty text, and `ttl` is `NO_TTL`; a certificate or a claim that is not there is left out.
 */
export function cedarQuestion(asked: Asked, memberships: Memberships): CedarQuestion {
  const { action, principal, request } = asked;
  const { certificate } = principal;
  return {
    principal: serviceUid(asked),
    action: { type: 'Action', id: action },
    resource: adminUid(asked),
    context: {
      note: request.note,
      status: request.status,
      type: request.type,
      ttl: asked.ttlS,
      reason: request.reason ?? '',
      wrap: asked.wrap,
      sourceAddress: { __extn: { fn: 'ip', arg: plainAddress(asked.sourceAddress) } },
      time: timeOf(asked),
      issuer: principal.alias,
      claims: Object.fromEntries(
        Object.entries(principal.claims).map(([name, value]) => [name, plain(value)]),
      ),
      ...(certificate !== null && { certificate }),
    },
    entities: [serviceEntity(principal, memberships), adminEntity(request.adminId, memberships)],
  };
}

/** In Cedar's JSON a set is a list. */
function plain(value: ClaimValue): CedarValueJson {
  return typeof value === 'object' ? [...value] : value;
}

function timeOf({ now }: Asked) {
  const time = new Date(now);
  return { hour: time.getUTCHours(), minute: time.getUTCMinutes(), weekday: time.getUTCDay() || 7 };
}

/** One thing that a policy can read of a question, as `cedarQuestion` would give it; undefined when it is not there. */
export type Input = (asked: Asked) => ClaimValue | undefined;

/**
 * What a policy can read of a question, by the path that leads to it, other than claims and entities. The address is
 * here as text.
 */
export const INPUTS: ReadonlyMap<string, Input> = new Map<string, Input>([
  ['context.note', ({ request }) => request.note],
  ['context.status', ({ request }) => request.status],
  ['context.type', ({ request }) => request.type],
  ['context.ttl', ({ ttlS }) => ttlS],
  ['context.reason', ({ request }) => request.reason ?? ''],
  ['context.wrap', ({ wrap }) => wrap],
  ['context.sourceAddress', ({ sourceAddress }) => lastAddress(sourceAddress)],
  ['context.time.hour', (asked) => timeOf(asked).hour],
  ['context.time.minute', (asked) => timeOf(asked).minute],
  ['context.time.weekday', (asked) => timeOf(asked).weekday],
  ['context.issuer', ({ principal }) => principal.alias],
  ['context.certificate', ({ principal }) => principal.certificate ?? undefined],
  ['principal.issuer', ({ principal }) => principal.issuer],
  ['principal.alias', ({ principal }) => principal.alias],
  ['principal.subject', ({ principal }) => principal.subject],
]);

/** `plainAddress`, which costs more than all that is done with it, kept for the next one who reads the same question. */
const lastAddress = (() => {
  let given = '';
  let plain = '';
  return (address: string): string => {
    if (address !== given) [given, plain] = [address, plainAddress(address)];
    return plain;
  };
})();

/** The claim of that name, as an input. */
export function claimInput(name: string): Input {
  return ({ principal: { claims } }) => (Object.hasOwn(claims, name) ? claims[name] : undefined);
}

/** Why Cedar could not hold a question, whatever policies read of it; undefined when it can. */
export function faultOf({ principal, request, ttlS, sourceAddress, now }: Asked): string | undefined {
  if (!request.note.isWellFormed()) return 'the note is not well-formed text';
  if (request.reason?.isWellFormed() === false) return 'the reason is not well-formed text';
  if (!principal.subject.isWellFormed()) return 'the subject is not well-formed text';
  if (principal.certificate?.isWellFormed() === false)
    return 'the certificate’s name is not well-formed text';
  if (!Number.isSafeInteger(ttlS)) return 'the ttl is not a whole number that Cedar can hold';
  if (isIP(sourceAddress) === 0 && isIP(plainAddress(sourceAddress)) === 0)
    return 'the source address is not an address';
  if (!Number.isFinite(now)) return 'the time is not a time';
  for (const name of Object.keys(principal.claims)) {
    if (!isPlain(principal.claims[name])) return `the claim \`${name}\` is not a value that Cedar can hold`;
  }
  return undefined;
}

function isPlain(value: ClaimValue | undefined): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return typeof value !== 'object' || value.every((text) => text.isWellFormed());
}
