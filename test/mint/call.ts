import { z } from 'zod';
import { type Clock, Deadline } from '../../src/mint/clock.ts';
import { type PrincipalId, requestIdFrom } from '../../src/mint/ids.ts';
import type { AuditLog, MintAnswer, MintCall, Principal } from '../../src/mint/ports.ts';
import { type CountRefusal, Trail } from '../../src/mint/trail.ts';

const principalId = z.string().brand<'PrincipalId'>();

export const principal: Principal = {
  id: principalId.parse('a'.repeat(64)) satisfies PrincipalId,
  issuer: 'https://issuer.example',
  alias: 'ci',
  subject: 'deployer',
  authenticatedBy: 'jwt',
};

/** A request of the allowed caller for admin 32, with the body `{}`, whose answer is taken. */
export function callOf(clock: Clock, changes: Partial<MintCall> = {}): MintCall {
  return {
    requestId: requestIdFrom(['request-1'], () => new Uint8Array(16)),
    traceId: 'f'.repeat(32),
    source: { address: '10.1.2.3', userAgent: 'curl/8' },
    deadline: new Deadline(clock, 20_000),
    authorization: ['Bearer the-jwt'],
    idempotencyKeys: [],
    contentType: 'application/json',
    contentEncoding: '',
    adminId: '32',
    query: '',
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
