import { z } from 'zod';
import { type Clock, Deadline } from '../../src/mint/clock.ts';
import { type PrincipalId, requestIdFrom } from '../../src/mint/ids.ts';
import type { AuditLog, MintAnswer, MintCall, Principal } from '../../src/mint/ports.ts';
import type { DecisionRecord } from '../../src/mint/records.ts';
import { type CountRefusal, Trail } from '../../src/mint/trail.ts';
import { decisionId } from './parts.ts';

const principalId = z.string().brand<'PrincipalId'>();

export const principal: Principal = {
  id: principalId.parse('a'.repeat(64)) satisfies PrincipalId,
  issuer: 'https://issuer.example',
  alias: 'ci',
  subject: 'deployer',
  authenticatedBy: 'jwt',
  claims: {},
  misfitClaims: [],
  certificate: null,
};

const { id, alias, issuer, subject, authenticatedBy } = principal;
/** The principal as records have it. */
export const principalRecord = { id, alias, issuer, subject, authenticatedBy };

/** A decision to allow, by policies `a` and `b`. */
export const allowing: DecisionRecord = {
  id: decisionId,
  allow: true,
  reason: null,
  policies: ['a', 'b'],
  errors: [],
  obligations: null,
  bundle: 'b'.repeat(64),
  input: {
    action: 'mintToken',
    time: '2026-11-25T13:05:00.000Z',
    ttlS: null,
    wrap: false,
    keyed: false,
    claims: {},
    misfitClaims: [],
    certificate: null,
    teams: ['automation'],
    groups: [],
  },
};

/** A request of the allowed caller for admin 32, with the body `{}`, whose answer is taken. */
export function callOf(clock: Clock, changes: Partial<MintCall> = {}): MintCall {
  return {
    requestId: requestIdFrom(['request-1'], () => new Uint8Array(16)),
    traceId: 'f'.repeat(32),
    source: { address: '10.1.2.3', userAgent: 'curl/8' },
    deadline: new Deadline(clock, 20_000),
    authorization: ['Bearer the-jwt'],
    certificate: null,
    idempotencyKeys: [],
    contentType: 'application/json',
    contentEncoding: '',
    adminId: '32',
    query: '',
    report: () => undefined,
    readBody: async () => new TextEncoder().encode('{"note":"nightly","reason":"INC-7"}'),
    deliver: async (_: MintAnswer) => 'delivered',
    ...changes,
  };
}

export function trailOf(
  call: MintCall,
  audit: AuditLog,
  clock: Clock,
  count: CountRefusal = () => {},
): Trail {
  return new Trail(call, audit, count, () => clock.monotonic());
}
