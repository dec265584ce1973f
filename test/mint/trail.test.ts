import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { attemptAt } from '../../src/mint/attempt.ts';
import { newMintId } from '../../src/mint/ids.ts';
import type { MintCall } from '../../src/mint/ports.ts';
import { Problem } from '../../src/mint/problems.ts';
import { FakeClock } from '../support/clock.ts';
import { allowing, callOf, principal, principalRecord, trailOf } from './call.ts';
import { ACCESS_KEY, adminId, decisionId, FakeAudit, Journal, tokenOf } from './parts.ts';

const decision = allowing;
const request = { adminId: adminId(32), note: 'n', status: 1, type: 'bearer' } as const;
const attempt = attemptAt(
  request,
  decisionId,
  newMintId(() => new Uint8Array(16)),
);

function started(changes: Partial<MintCall> = {}) {
  const clock = new FakeClock();
  const audit = new FakeAudit(new Journal());
  const counted: unknown[][] = [];
  const trail = trailOf(callOf(clock, changes), audit, clock, (...count) => counted.push(count));
  return { clock, audit, counted, trail };
}

t.test(
  'a refusal before anyone is identified is counted by its cause and source, with the operator’s reason',
  async (t) => {
    const { trail, counted, audit } = started();
    trail.refused(new Problem('unauthenticated', 'Not known.', { operatorReason: 'expired' }));
    t.strictSame(counted, [
      ['unauthenticated', { address: '10.1.2.3', requestId: 'request-1', detail: 'expired' }],
    ]);
    t.strictSame(audit.events, []);
  },
);

t.test('a refusal of a known caller is one request record, with whatever is known by then', async (t) => {
  const { trail, clock, audit, counted } = started();
  trail.authenticated(principal);
  trail.asked(request);
  trail.decided(decision);
  await clock.pass(12.34);
  trail.refused(new Problem('vault-denied', 'No.', { operatorReason: 'http-403' }));
  t.strictSame(audit.events, [
    {
      kind: 'request',
      requestId: 'request-1',
      traceId: 'f'.repeat(32),
      principal: principalRecord,
      source: { address: '10.1.2.3', userAgent: 'curl/8' },
      adminId: 32,
      requested: { note: 'n', status: 1, type: 'bearer', reason: null },
      decision,
      outcome: 'refused',
      problem: 'vault-denied',
      reason: 'http-403',
      durationMs: 12.3,
    },
  ]);
  t.strictSame(counted, []);
});

t.test(
  'a request that is not fit is recorded with the places of its faults, not with its words',
  async (t) => {
    const { trail, audit } = started({ adminId: '032' });
    trail.authenticated(principal);
    const errors = [
      { pointer: '/note', detail: 'must be a string' },
      { pointer: 'path:id', detail: 'must be a decimal integer' },
    ];
    trail.refused(new Problem('invalid-request', 'Faults.', { errors }));
    t.match(audit.of('request'), [{ adminId: null, requested: null, reason: '/note path:id' }]);
  },
);

t.test('after an intent a refusal writes no request record', async (t) => {
  const { trail, audit } = started();
  trail.authenticated(principal);
  await trail.intent(attempt, decision, 3);
  trail.refused(new Problem('outcome-unknown', 'Unknown.'));
  t.strictSame(
    audit.events.map(({ kind }) => kind),
    ['intent'],
  );
});

t.test(
  'a minted token is recorded by the hash of its key, which anyone who has the key can make',
  async (t) => {
    const { trail, audit } = started();
    trail.authenticated(principal);
    await trail.minted(attempt, tokenOf(), { status: 200, durationMs: 3.6 });
    const accessKeySha256 = createHash('sha256')
      .update(`lm-token-broker access key v1\n${ACCESS_KEY}`)
      .digest('hex');
    t.match(audit.of('outcome'), [
      {
        token: {
          id: 501,
          accessId: 'newAccessId',
          accessKeySha256,
          roles: ['readonly'],
          createdOn: 1_795_000_000,
        },
        upstream: { status: 200, durationMs: 4 },
        leaseEnd: null,
      },
    ]);
  },
);

t.test('the log line names who asked for what and what became of it, and holds no secret', async (t) => {
  const { trail, clock } = started();
  trail.authenticated({ ...principal, subject: 'a\u001b[2Jb' });
  trail.asked(request);
  trail.decided({ ...decision, errors: ['x', 'y'] });
  await trail.intent(attempt, decision, 3);
  await trail.minted(attempt, tokenOf(), { status: 200, durationMs: 3 });
  await clock.pass(20);
  trail.delivered(attempt);
  t.strictSame(trail.summary(), {
    requestId: 'request-1',
    outcome: 'delivered',
    principal: 'ci:a\\u001b[2Jb',
    admin: 32,
    mintId: attempt.mintId,
    decisionId,
    policies: 'a b',
    policyErrors: 'x; y',
    traceId: 'f'.repeat(32),
    source: '10.1.2.3',
    durationMs: 20,
  });
  for (const secret of [ACCESS_KEY, 'the-jwt']) t.notMatch(inspect(trail.summary()), secret);
});

t.test('a record about a request without its principal is never written', async (t) => {
  const { trail, audit } = started();
  await t.rejects(trail.intent(attempt, decision, 3), /needs the principal/);
  t.strictSame(audit.events, []);
});
