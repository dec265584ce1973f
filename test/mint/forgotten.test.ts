import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { attemptAt } from '../../src/mint/attempt.ts';
import { CallerRates } from '../../src/mint/caller-rates.ts';
import { Endings } from '../../src/mint/end.ts';
import { newMintId } from '../../src/mint/ids.ts';
import { mint } from '../../src/mint/mint.ts';
import { FakeClock, settle } from '../support/clock.ts';
import { allowing, callOf, principal, trailOf } from './call.ts';
import { ACCESS_KEY, adminId, credentialsWith, decisionId, FakeAudit, Journal, tokenOf } from './parts.ts';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

const noBytes = (count: number) => new Uint8Array(count);

t.test('what is kept to end a token holds neither its key nor its caller’s JWT', async (t) => {
  const clock = new FakeClock();
  const audit = new FakeAudit(new Journal());
  const trail = trailOf(callOf(clock), audit, clock);
  trail.authenticated(principal);
  const request = { adminId: adminId(32), note: '', status: 2, type: 'API token' } as const;
  const kept = trail.undelivered(attemptAt(request, decisionId, newMintId(noBytes)), tokenOf());
  kept.ended('deleted', 1);
  for (const held of [kept, trail, audit.of('end')]) {
    const shown = inspect(held, { depth: null, showHidden: true });
    for (const secret of [ACCESS_KEY, 'the-jwt', 'accessKey']) t.notMatch(shown, secret);
  }
});

/** Mints a token whose caller has gone and whose DELETE fails; gives back what should be forgotten by then. */
async function leftPending() {
  const { portal, credentials, clock, events, audit } = credentialsWith(new FakeClock());
  const token = tokenOf();
  portal.creates = [
    { kind: 'created', status: 200, durationMs: 30, token },
    { kind: 'unreachable', reason: 'the fake keeps only this one', durationMs: 0 },
  ];
  portal.deletes = [{ kind: 'failed', status: 503, reason: 'http-503' }];
  const endings = new Endings({ portal, credentials, clock, events, tryTimeoutMs: 8_000 });
  const call = callOf(clock, { deliver: async () => 'undelivered' });
  const broker = {
    inForce: () => ({ authenticate: async () => principal, decide: () => allowing }),
    callerRates: new CallerRates({ perSecond: 20, burst: 100 }, clock),
    ...{ credentials, portal, endings, clock, randomBytes: noBytes },
  };
  await mint(call, trailOf(call, audit, clock), broker);
  return {
    endings,
    clock,
    forgotten: {
      token: new WeakRef(token),
      'access key': new WeakRef(token.accessKey),
      call: new WeakRef(call),
    },
  };
}

t.test('while its end is pending nothing holds a token, its key or its request', async (t) => {
  if (typeof collect !== 'function') throw new Error('no gc');
  const { endings, clock, forgotten } = await leftPending();
  await settle(); // a WeakRef holds on to the end of the job that made it
  collect();
  for (const [what, held] of Object.entries(forgotten)) t.equal(held.deref(), undefined, what);
  t.equal(endings.pending, 1);
  await clock.pass(1_000);
  t.equal(endings.pending, 1, 'and it is tried again all the same');
});
