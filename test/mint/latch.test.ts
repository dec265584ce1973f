import t from 'tap';
import type { Credential } from '../../src/mint/credential.ts';
import { FakeClock, settle } from '../support/clock.ts';
import {
  adminId,
  cameTo,
  credentialsWith,
  decisionId,
  pairOf,
  problem,
  problemOf,
  REJECTED,
  unknownOwner,
} from './parts.ts';

const MINUTE = 60_000;
const LATCHED = 'upstream-credential-rejected key-latched';
const JUST_REJECTED = 'upstream-credential-rejected key-rejected';

/** Credentials that have minted once, and what a 401 from LM comes to. */
async function serving() {
  const parts = credentialsWith(new FakeClock());
  const credential = await parts.mintFor();
  parts.journal.taken();
  const rejected = (of: Credential = credential, skewMs: number | undefined = 0, admin = 32) =>
    cameTo(
      parts.credentials.replacement(
        of,
        { skewMs },
        { adminId: adminId(admin), decisionId },
        parts.deadline(),
      ),
    );
  return { ...parts, credential, rejected };
}

t.test(
  'after a 401 Vault is read once; when it still holds the same pair, the pair is latched',
  async (t) => {
    const { rejected, mintFor, journal, audit, events, credentials } = await serving();
    t.equal(await rejected(), JUST_REJECTED);
    t.equal(await cameTo(mintFor()), LATCHED);
    t.equal(await cameTo(credentials.forEnding((await serving()).deadline())), LATCHED);
    t.equal(await rejected(), LATCHED, 'a call that was under way does not read again');
    t.strictSame(journal.taken(), ['reread', 'soon system latch-closed']);
    t.match(audit.of('system').at(-1), { event: 'latch-closed', detail: { accessId: 'key1', version: 1 } });
    t.match(events.warnings, [{ detail: { accessId: 'key1', version: 1 } }]);
    t.match(credentials.state(), { version: 1, latched: true });
  },
);

t.test(
  'a pair that Vault has changed meanwhile is given back to be tried, and nothing is latched',
  async (t) => {
    const { rejected, source, portal, credentials, mintFor } = await serving();
    source.stored = pairOf(2);
    portal.owners.set('key2', { kind: 'found', adminId: adminId(8) });
    t.equal(await rejected(), 'key2');
    t.equal(await cameTo(mintFor()), 'key2');
    t.match(credentials.state(), { version: 2, latched: false });
  },
);

t.test('fifty calls that are rejected at once all go on with the changed pair', async (t) => {
  const { rejected, source, portal, journal } = await serving();
  source.stored = pairOf(2);
  portal.owners.set('key2', { kind: 'found', adminId: adminId(8) });
  const all = await Promise.all(Array.from({ length: 50 }, () => rejected()));
  t.strictSame([...new Set(all)], ['key2']);
  t.equal(journal.count('findOwner'), 1);
});

t.test(
  'a changed pair that LM rejects as well is latched at its second 401, and only that one',
  async (t) => {
    const { rejected, source, portal, credentials, mintFor } = await serving();
    source.stored = pairOf(2);
    portal.owners.set('key2', { kind: 'found', adminId: adminId(8) });
    await rejected();
    t.equal(problemOf(credentials.latch(pairOf(2), REJECTED)), JUST_REJECTED);
    t.equal(await cameTo(mintFor()), LATCHED);
    source.rotate(pairOf(3));
    portal.owners.set('key3', { kind: 'found', adminId: adminId(8) });
    t.equal(await cameTo(mintFor()), 'key3', 'a changed secret is not latched');
  },
);

t.test('the changed pair may belong to the very user that the mint is for: it is refused', async (t) => {
  const { rejected, source, portal } = await serving();
  source.stored = pairOf(2);
  portal.owners.set('key2', { kind: 'found', adminId: adminId(32) });
  t.equal(await rejected(), 'policy-denied own-admin');
});

t.test('when Vault cannot be read after a 401, the pair is latched all the same', async (t) => {
  const { rejected, source, mintFor } = await serving();
  source.stored = problem('vault-unavailable');
  t.equal(await rejected(), JUST_REJECTED);
  t.equal(await cameTo(mintFor()), LATCHED);
});

t.test(
  'a clock more than 25 min off explains a 401: no latch, no read, a word for the operator',
  async (t) => {
    for (const skewMs of [25 * MINUTE + 1, -25 * MINUTE - 1, 86_400_000]) {
      const { rejected, journal, mintFor, events, credential } = await serving();
      t.equal(await rejected(credential, skewMs), 'upstream-credential-rejected clock-skew');
      t.strictSame(journal.taken(), []);
      t.equal(await cameTo(mintFor()), 'key1');
      t.match(events.warnings, [{ detail: { skewSeconds: Math.round(skewMs / 1000) } }]);
    }
    for (const skewMs of [25 * MINUTE, -25 * MINUTE, undefined]) {
      const { rejected, credential, credentials } = await serving();
      t.equal(await rejected(credential, skewMs), JUST_REJECTED, `${skewMs} ms`);
      t.equal(credentials.state().latched, true);
    }
  },
);

t.test('at the start, a clock that is off lets LM be asked once a minute, and latches nothing', async (t) => {
  const { portal, credentials, deadline, journal, clock, mintFor } = credentialsWith(new FakeClock());
  portal.owners.set('key1', { kind: 'key-rejected', skewMs: 40 * MINUTE });
  await credentials.warm(deadline());
  t.equal(await cameTo(mintFor()), 'upstream-credential-rejected clock-skew');
  await clock.pass(59_000);
  t.equal(journal.count('findOwner'), 1);
  portal.owners.set('key1', { kind: 'found', adminId: adminId(7) });
  await clock.pass(3_000);
  t.equal(await cameTo(mintFor()), 'key1');
});

t.test('a latched pair is tried by one list call after 1 min, 5 min, then every 15 min', async (t) => {
  const { rejected, clock, journal, portal } = await serving();
  portal.owners.set('key1', REJECTED);
  await rejected();
  journal.taken();
  const minutes: number[] = [];
  for (let minute = 1; minute <= 60; minute++) {
    await clock.pass(MINUTE);
    minutes.push(...journal.taken().map(() => minute));
  }
  t.strictSame(minutes, [1, 6, 21, 36, 51]);
});

t.test('the latch opens when LM takes the signature again, whatever it lets the key see', async (t) => {
  const takes = [
    { kind: 'found', adminId: adminId(7) },
    unknownOwner(403),
    unknownOwner(200, 'not-listed'),
  ] as const;
  for (const answer of takes) {
    const { rejected, clock, portal, mintFor, audit, credentials, events } = await serving();
    await rejected();
    portal.owners.set('key1', answer);
    await clock.pass(MINUTE);
    t.equal(await cameTo(mintFor()), 'key1');
    t.match(audit.of('system').at(-1), { event: 'latch-opened', detail: { accessId: 'key1', version: 1 } });
    t.equal(events.infos.length, 2);
    t.equal(credentials.state().latched, false);
  }
});

t.test('an answer that shows nothing about the key leaves the latch closed', async (t) => {
  for (const answer of [
    REJECTED,
    unknownOwner(401, 'not-lm-error'),
    unknownOwner(null, 'ECONNREFUSED'),
    unknownOwner(503),
  ]) {
    const { rejected, clock, portal, mintFor } = await serving();
    await rejected();
    portal.owners.set('key1', answer);
    await clock.pass(MINUTE);
    t.equal(await cameTo(mintFor()), LATCHED, JSON.stringify(answer));
  }
});

t.test('SIGHUP tries a latched pair at once', async (t) => {
  const { rejected, mintFor, credentials } = await serving();
  await rejected();
  credentials.retryNow();
  await settle();
  t.equal(await cameTo(mintFor()), 'key1');
});

t.test('SIGHUP twice in a row asks LM once, and the slow schedule goes on as one', async (t) => {
  const { rejected, portal, credentials, journal, clock } = await serving();
  portal.owners.set('key1', REJECTED);
  await rejected();
  journal.taken();
  credentials.retryNow();
  credentials.retryNow();
  await settle();
  t.equal(journal.count('findOwner'), 1);
  journal.taken();
  await clock.pass(60 * MINUTE);
  t.ok(journal.count('findOwner') <= 5, `${journal.count('findOwner')} calls in an hour`);
});

t.test('a pair that LM rejected at the start comes into use once LM takes it', async (t) => {
  const { portal, credentials, deadline, clock, mintFor, journal } = credentialsWith(new FakeClock());
  portal.owners.set('key1', REJECTED);
  await credentials.warm(deadline());
  t.equal(await cameTo(mintFor()), LATCHED);
  await clock.pass(59_000);
  t.equal(journal.count('findOwner'), 1);
  portal.owners.set('key1', { kind: 'found', adminId: adminId(7) });
  await clock.pass(4_000);
  t.equal(await cameTo(mintFor()), 'key1');
});

t.test(
  'a 401 to the search or to a DELETE has Vault read again too, so that a rotation is not waited for',
  async (t) => {
    const atStart = credentialsWith(new FakeClock());
    atStart.portal.owners.set('key1', REJECTED).set('key2', { kind: 'found', adminId: adminId(8) });
    atStart.source.stored = pairOf(2);
    await cameTo(atStart.mintFor());
    await settle();
    t.equal(await cameTo(atStart.mintFor()), 'key2');

    const { credentials, source, portal, mintFor } = await serving();
    source.stored = pairOf(2);
    portal.owners.set('key2', { kind: 'found', adminId: adminId(8) });
    t.equal(problemOf(credentials.latch(pairOf(1), REJECTED)), JUST_REJECTED);
    await settle();
    t.equal(await cameTo(mintFor()), 'key2');
  },
);

t.test('no more than sixteen latched pairs are remembered, and stop calls off every probe', async (t) => {
  const { credentials, clock } = credentialsWith(new FakeClock());
  for (let version = 1; version <= 40; version++) credentials.latch(pairOf(version), REJECTED);
  await settle();
  t.ok(clock.due().filter((ms) => ms === MINUTE).length <= 16);
  credentials.stop();
  t.strictSame(clock.due(), []);
});
