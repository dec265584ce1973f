import t from 'tap';
import { attemptAt } from '../../src/mint/attempt.ts';
import { Deadline } from '../../src/mint/clock.ts';
import { type Forwarded, forward } from '../../src/mint/forward.ts';
import { newMintId } from '../../src/mint/ids.ts';
import type { CreateAnswer, RefusedBy } from '../../src/mint/ports.ts';
import { FakeClock } from '../support/clock.ts';
import { adminId, credentialsWith, decisionId, pairOf, problemOf, tokenOf } from './parts.ts';

const created: CreateAnswer = { kind: 'created', status: 200, durationMs: 30, token: tokenOf() };
const rejected: CreateAnswer = { kind: 'key-rejected', status: 401, durationMs: 10, skewMs: 0 };
const limited: CreateAnswer = { kind: 'rate-limited', status: 429, durationMs: 5 };
const unreachable: CreateAnswer = { kind: 'unreachable', reason: 'ECONNREFUSED', durationMs: 2 };
const ambiguous: CreateAnswer = { kind: 'ambiguous', status: null, reason: 'ECONNRESET', durationMs: 40 };

/** Forwards one attempt to an LM that gives these answers. `end` says in a few words what it came to. */
async function started(
  creates: CreateAnswer[],
  { deadlineMs = 20_000, turns = Number.POSITIVE_INFINITY } = {},
) {
  const parts = credentialsWith(new FakeClock());
  const { portal, credentials, clock, journal } = parts;
  const credential = await parts.mintFor();
  journal.taken();
  portal.creates = creates;
  portal.turns = turns;
  const request = { adminId: adminId(32), note: 'nightly', status: 2, type: 'API token' } as const;
  const attempt = attemptAt(
    request,
    decisionId,
    newMintId(() => new Uint8Array(16)),
  );
  const first = portal.sign(attempt.order, credential.pair);
  const deadline = new Deadline(clock, deadlineMs);
  const forwarded = forward(first, attempt, credential, { portal, credentials, clock }, deadline);
  return { ...parts, forwarded, attempt };
}

function said(forwarded: Forwarded): string {
  const { kind, upstream } = forwarded;
  const what =
    kind === 'minted'
      ? `token ${forwarded.token.id}`
      : `${kind === 'nothing-made' ? forwarded.outcome : ''} ${problemOf(forwarded.problem)}`.trim();
  return `${kind}: ${what}; ${upstream.status} after ${upstream.durationMs} ms`;
}

t.test('a token that LM made is given back, after one turn and one call', async (t) => {
  const { forwarded, journal, portal, attempt } = await started([created]);
  t.equal(said(await forwarded), 'minted: token 501; 200 after 30 ms');
  t.strictSame(journal.taken(), ['sign key1', 'turn', 'send key1']);
  t.strictSame(portal.orders, [attempt.order]);
  t.match(attempt.order, {
    adminId: 32,
    note: `nightly [lmtb:${attempt.mintId}]`,
    status: 2,
    type: 'API token',
  });
});

t.test(
  'each refusal of LM’s ends the attempt as refused, under its own name, and is sent once',
  async (t) => {
    const refusals: Record<RefusedBy, number> = {
      'upstream-forbidden': 403,
      'admin-not-found': 404,
      'upstream-conflict': 409,
      'upstream-rejected': 400,
      'upstream-protocol': 302,
    };
    for (const [name, status] of Object.entries(refusals)) {
      const answer = { kind: 'refused', status, problem: name as RefusedBy, durationMs: 9 } as const; // `as`: a key of the table
      const { forwarded, journal } = await started([answer]);
      t.equal(said(await forwarded), `nothing-made: refused ${name} http-${status}; ${status} after 9 ms`);
      t.equal(journal.count('send'), 1);
    }
  },
);

t.test('an ambiguous answer leaves the attempt in doubt, and it is never sent again', async (t) => {
  for (const answers of [
    [ambiguous],
    [limited, ambiguous],
    [rejected, ambiguous],
    [unreachable, ambiguous],
  ]) {
    const { forwarded, journal, clock, source, portal, attempt } = await started([...answers, created]);
    source.stored = pairOf(2);
    portal.owners.set('key2', { kind: 'found', adminId: adminId(7) });
    await clock.pass(60_000);
    const end = await forwarded;
    t.match(said(end), /^in-doubt: outcome-unknown ECONNRESET; null after /);
    t.equal(journal.count('send'), answers.length);
    t.match(end, { problem: { extras: { mintId: attempt.mintId } } });
  }
});

t.test('a 429 is waited out by the next turn, with a fresh signature', async (t) => {
  const { forwarded, journal } = await started([limited, limited, created]);
  t.equal(said(await forwarded), 'minted: token 501; 200 after 40 ms');
  const round = ['sign key1', 'turn', 'send key1'];
  t.strictSame(journal.taken(), [...round, ...round, ...round]);
});

t.test('without a turn in time nothing was sent; after a 429 LM has refused', async (t) => {
  const never = await started([created], { turns: 0 });
  t.equal(said(await never.forwarded), 'nothing-made: not-sent upstream-rate-limited; null after 0 ms');
  t.equal(never.journal.count('send'), 0);
  const later = await started([limited], { turns: 2 });
  t.equal(said(await later.forwarded), 'nothing-made: refused upstream-rate-limited; 429 after 10 ms');
});

t.test('a connection that never stood is tried again after pauses that double, up to 2 s', async (t) => {
  const { forwarded, clock, journal } = await started([...Array(8).fill(unreachable), created]);
  const waits: number[] = [];
  for (let sent = 1; sent <= 8; sent++) {
    await clock.pass(0);
    t.equal(journal.count('send'), sent);
    const [wait = 0] = clock.due();
    waits.push(wait);
    await clock.pass(wait);
  }
  t.strictSame(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
  t.equal(said(await forwarded), 'minted: token 501; 200 after 46 ms');
});

t.test('an LM that stays away ends in upstream-unreachable before the deadline', async (t) => {
  const { forwarded, clock } = await started([unreachable], { deadlineMs: 5_000 });
  let over = false;
  const ended = forwarded.finally(() => {
    over = true;
  });
  await clock.pass(4_999);
  t.ok(over, 'no pause that would reach the deadline is begun');
  t.match(said(await ended), /^nothing-made: not-sent upstream-unreachable ECONNREFUSED; null after \d+ ms$/);
});

t.test('a rejected key is replaced once, when Vault has another by now', async (t) => {
  const { forwarded, source, portal, journal } = await started([rejected, created]);
  source.stored = pairOf(2);
  portal.owners.set('key2', { kind: 'found', adminId: adminId(7) });
  t.equal(said(await forwarded), 'minted: token 501; 200 after 40 ms');
  const calls = ['sign key1', 'turn', 'send key1', 'reread', 'findOwner key2'];
  t.strictSame(journal.taken(), [
    ...calls,
    'soon system credential-changed',
    'sign key2',
    'turn',
    'send key2',
  ]);
});

t.test('the same key in Vault, or a second rejected one, is latched and not sent again', async (t) => {
  const same = await started([rejected]);
  t.equal(
    said(await same.forwarded),
    'nothing-made: refused upstream-credential-rejected key-rejected; 401 after 10 ms',
  );
  t.equal(same.journal.count('send'), 1);

  const second = await started([rejected]);
  second.source.stored = pairOf(2);
  second.portal.owners.set('key2', { kind: 'found', adminId: adminId(7) });
  t.equal(
    said(await second.forwarded),
    'nothing-made: refused upstream-credential-rejected key-rejected; 401 after 20 ms',
  );
  t.strictSame(
    second.journal.taken().filter((line) => line.startsWith('send')),
    ['send key1', 'send key2'],
  );
  t.equal(second.credentials.state().latched, true);
});

t.test('a key of the user that the mint is for is not used when it takes over in the middle', async (t) => {
  const { forwarded, source, portal, journal } = await started([rejected, created]);
  source.stored = pairOf(2);
  portal.owners.set('key2', { kind: 'found', adminId: adminId(32) });
  t.equal(said(await forwarded), 'nothing-made: refused policy-denied own-admin; 401 after 10 ms');
  t.equal(journal.count('send'), 1);
});

t.test('a 401 that a clock explains is not sent again', async (t) => {
  const { forwarded, journal, credentials } = await started([{ ...rejected, skewMs: 1_800_001 }]);
  t.equal(
    said(await forwarded),
    'nothing-made: refused upstream-credential-rejected clock-skew; 401 after 10 ms',
  );
  t.equal(journal.count('send'), 1);
  t.equal(credentials.state().latched, false);
});

t.test('with less than a second left nothing is sent', async (t) => {
  const late = await started([created], { deadlineMs: 999 });
  t.equal(
    said(await late.forwarded),
    'nothing-made: not-sent request-timeout too-late-to-send; null after 0 ms',
  );
  t.equal(late.journal.count('send'), 0);
  const inTime = await started([created], { deadlineMs: 1_000 });
  t.equal(said(await inTime.forwarded), 'minted: token 501; 200 after 30 ms');
});

t.test('a wait that would leave less than a second to send again is not begun', async (t) => {
  const { forwarded, clock, journal } = await started([unreachable, created], { deadlineMs: 1_099 });
  t.equal(said(await forwarded), 'nothing-made: not-sent upstream-unreachable ECONNREFUSED; null after 2 ms');
  t.equal(journal.count('send'), 1);
  t.strictSame(clock.due(), []);
});

t.test('a turn that comes too late to send again leaves what LM was before: unreachable', async (t) => {
  const { forwarded, clock, journal, portal } = await started([unreachable, created], { deadlineMs: 5_000 });
  portal.turn = () => new Promise((resolve) => void clock.after(4_000, resolve));
  await clock.pass(5_000);
  t.equal(said(await forwarded), 'nothing-made: not-sent upstream-unreachable ECONNREFUSED; null after 2 ms');
  t.equal(journal.count('send'), 1);
});

t.test(
  'a second signature that fails proves that nothing was made, and is told as our own fault',
  async (t) => {
    const { forwarded, clock, journal, portal } = await started([unreachable, created]);
    portal.signFault = new Error('no such digest');
    await clock.pass(100);
    t.equal(said(await forwarded), 'nothing-made: not-sent internal-error; null after 2 ms');
    t.equal(journal.count('send'), 1);
  },
);
