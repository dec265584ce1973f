import t from 'tap';
import { type Attempt, attemptAt } from '../../src/mint/attempt.ts';
import { Endings } from '../../src/mint/end.ts';
import { newMintId } from '../../src/mint/ids.ts';
import type { DeleteAnswer } from '../../src/mint/ports.ts';
import { FakeClock, settle } from '../support/clock.ts';
import { callOf, principal, trailOf } from './call.ts';
import { ACCESS_KEY, adminId, credentialsWith, decisionId, problem, problemOf, tokenOf } from './parts.ts';

const failed: DeleteAnswer = { kind: 'failed', status: 503, reason: 'http-503' };

async function started(deletes: DeleteAnswer[] = [{ kind: 'deleted' }]) {
  const parts = credentialsWith(new FakeClock());
  const { portal, credentials, clock, events, audit, journal } = parts;
  await parts.mintFor();
  journal.taken();
  portal.deletes = deletes;
  const endings = new Endings({ portal, credentials, clock, events, tryTimeoutMs: 8_000 });
  const trail = trailOf(callOf(clock), audit, clock);
  trail.authenticated(principal);
  const request = { adminId: adminId(32), note: '', status: 2, type: 'API token' } as const;
  const attempt: Attempt = attemptAt(
    request,
    decisionId,
    newMintId(() => new Uint8Array(16)),
  );
  return {
    ...parts,
    endings,
    end: (id = 501) => endings.end(trail.undelivered(attempt, tokenOf(id))),
    attempt,
  };
}

t.test('a token is deleted at once, and its end is recorded', async (t) => {
  const { end, endings, audit, journal, attempt } = await started();
  await end();
  t.strictSame(journal.taken(), ['soon delivery undelivered', 'remove 32/501 key1', 'soon end']);
  t.match(audit.of('end'), [
    { mintId: attempt.mintId, adminId: 32, end: 'undelivered', tokenId: 501, how: 'deleted', tries: 1 },
  ]);
  t.equal(endings.pending, 0);
  await endings.settled();
});

t.test('a token that LM no longer knows has ended', async (t) => {
  const { end, endings, audit, clock } = await started([{ kind: 'gone' }]);
  await end();
  t.match(audit.of('end'), [{ how: 'gone' }]);
  t.equal(endings.pending, 0);
  t.strictSame(clock.due(), []);
});

t.test('a DELETE that fails is tried again after pauses that double, up to a minute', async (t) => {
  const { end, endings, audit, clock, events, journal } = await started([
    ...Array(9).fill(failed),
    { kind: 'deleted' },
  ]);
  await end();
  const waits: number[] = [];
  while (endings.pending > 0) {
    const [wait = 0] = clock.due();
    waits.push(wait / 1_000);
    await clock.pass(wait);
  }
  t.strictSame(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  t.equal(journal.count('remove'), 10);
  t.match(audit.of('end'), [{ how: 'deleted', tries: 10 }]);
  t.equal(events.warnings.length, 9);
  t.match(events.warnings.at(-1), { detail: { tokenId: 501, tries: 9, reason: 'http-503' } });
  t.notMatch(JSON.stringify(events.warnings), ACCESS_KEY);
});

t.test('settled waits for the last one, and only for that', async (t) => {
  const { end, endings, clock } = await started([failed, failed, { kind: 'deleted' }]);
  let settled = false;
  await end(501);
  await end(502);
  const waiting = endings.settled().then(() => {
    settled = true;
  });
  t.equal(endings.pending, 2);
  await settle();
  t.equal(settled, false);
  await clock.pass(1_000);
  await waiting;
  t.equal(endings.pending, 0);
});

t.test('Vault that is away, or a key that is latched, only delays the end', async (t) => {
  const { end, source, credentials, clock, events, audit, portal } = await started([
    { kind: 'key-rejected', skewMs: 0 },
    { kind: 'deleted' },
  ]);
  source.known = problem('vault-unavailable');
  await end();
  source.known = source.stored;
  await clock.pass(1_000);
  t.equal(credentials.state().latched, true);
  await clock.pass(2_000);
  t.strictSame(
    events.warnings.filter(({ detail }) => 'tries' in detail).map(({ detail }) => detail['reason']),
    ['vault-unavailable', 'key-rejected', 'upstream-credential-rejected'],
  );
  portal.owners.set('key1', { kind: 'found', adminId: adminId(7) });
  await clock.pass(120_000);
  t.match(audit.of('end'), [{ how: 'deleted' }]);
});

t.test('a thousand tokens that wait for their end stop further mints, until one has ended', async (t) => {
  const { end, endings, clock, portal } = await started([failed]);
  for (let id = 1; id < 1_000; id++) await end(id);
  endings.refuseWhenFull();
  await end(1_000);
  t.equal(endings.pending, 1_000);
  const refusal = (): string => {
    try {
      endings.refuseWhenFull();
      return 'accepted';
    } catch (thrown) {
      return problemOf(thrown);
    }
  };
  t.equal(refusal(), 'upstream-unavailable endings-pending');
  portal.deletes = [{ kind: 'deleted' }];
  await clock.pass(1_000);
  t.equal(refusal(), 'accepted');
});

t.test(
  'stop tries nothing any more and names each token that is left, so that a person can end it',
  async (t) => {
    const { end, endings, clock, events, attempt, journal } = await started([failed]);
    await end();
    journal.taken();
    endings.stop();
    t.strictSame(clock.due(), []);
    await clock.pass(600_000);
    t.equal(journal.count('remove'), 0);
    t.match(events.warnings.at(-1), {
      message: /Delete it in LogicMonitor/,
      detail: { mintId: attempt.mintId, admin: 32, tokenId: 501, accessId: 'newAccessId', tries: 1 },
    });
  },
);

t.test('a try that is under way at stop is not followed by another', async (t) => {
  const { end, endings, clock, portal, journal } = await started();
  let give: (answer: DeleteAnswer) => void = () => {};
  portal.deletes = [
    () =>
      new Promise<DeleteAnswer>((resolve) => {
        give = resolve;
      }),
  ];
  const ending = end();
  await settle();
  endings.stop();
  give(failed);
  await ending;
  t.strictSame(clock.due(), []);
  t.equal(journal.count('remove'), 1);
});

t.test('stop says nothing when nothing is left', async (t) => {
  const { end, endings, events } = await started();
  await end();
  endings.stop();
  t.strictSame(events.warnings, []);
});
