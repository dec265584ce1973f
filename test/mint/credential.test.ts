import t from 'tap';
import type { OwnerAnswer } from '../../src/mint/ports.ts';
import { FakeClock, settle } from '../support/clock.ts';
import {
  adminId,
  cameTo,
  credentialsWith,
  decisionId,
  pairOf,
  problem,
  REJECTED,
  unknownOwner,
} from './parts.ts';

const MINUTE = 60_000;
const found = (id: number): OwnerAnswer => ({ kind: 'found', adminId: adminId(id) });

/** An owner's answer that comes when the test says so. */
function held(): { answer: () => Promise<OwnerAnswer>; give: (answer: OwnerAnswer) => void } {
  let give: (answer: OwnerAnswer) => void = () => {};
  const promise = new Promise<OwnerAnswer>((resolve) => {
    give = resolve;
  });
  return { answer: () => promise, give };
}

t.test('fifty mints at once cause one search for the owner, and all get the same credential', async (t) => {
  const { journal, portal, mintFor, audit } = credentialsWith(new FakeClock());
  const { answer, give } = held();
  portal.owners.set('key1', answer);
  const mints = Array.from({ length: 50 }, () => mintFor());
  await settle();
  give(found(7));
  const credentials = await Promise.all(mints);
  t.equal(new Set(credentials).size, 1);
  t.equal(credentials[0]?.ownAdminId, 7);
  t.equal(journal.count('findOwner'), 1);
  t.match(audit.of('system'), [
    { event: 'credential-changed', detail: { from: null, to: 1, ownAdminId: 7 } },
  ]);
  await mintFor();
  t.equal(journal.count('findOwner'), 1, 'and none later');
});

t.test(
  'while the owner is not known nobody is minted for, and fifty mints at once still ask once',
  async (t) => {
    const { journal, portal, mintFor, credentials } = credentialsWith(new FakeClock());
    for (const answer of [
      unknownOwner(403),
      unknownOwner(null, 'ECONNREFUSED'),
      unknownOwner(200, 'not-listed'),
    ]) {
      portal.owners.set('key1', answer);
      credentials.retryNow();
      await settle();
      const { reason } = answer as { reason: string }; // `as`: made as unknown, above
      const mints = await Promise.all(Array.from({ length: 50 }, () => cameTo(mintFor())));
      t.strictSame([...new Set(mints)], [`own-admin-unknown ${reason}`]);
      t.equal(journal.count('findOwner'), 1);
      t.match(credentials.state(), { ownAdminKnown: false, version: undefined });
      journal.taken();
    }
  },
);

t.test('the search goes on by itself, every 2 s, so that no request has to be the first', async (t) => {
  const { journal, portal, mintFor, credentials, clock, deadline } = credentialsWith(new FakeClock());
  portal.owners.set('key1', unknownOwner(500));
  await credentials.warm(deadline());
  await clock.pass(10_000);
  t.equal(journal.count('findOwner'), 6);
  portal.owners.set('key1', found(7));
  await clock.pass(2_000);
  t.equal(credentials.state().ownAdminKnown, true);
  t.equal(await cameTo(mintFor()), 'key1');
  await clock.pass(60 * MINUTE);
  t.equal(journal.count('findOwner'), 7, 'and ends when the owner is found');
});

t.test('Vault that is away at the start is asked again by itself', async (t) => {
  const { source, mintFor, credentials, clock, deadline } = credentialsWith(new FakeClock());
  source.known = problem('vault-unavailable');
  await credentials.warm(deadline());
  t.equal(await cameTo(mintFor()), 'vault-unavailable');
  source.known = source.stored;
  await clock.pass(2_000);
  t.equal(credentials.state().version, 1);
});

t.test(
  'whatever Vault says against the pair ends the mint, also while another pair served before',
  async (t) => {
    const { source, mintFor } = credentialsWith(new FakeClock());
    t.equal(await cameTo(mintFor()), 'key1');
    for (const name of ['vault-denied', 'credential-misconfigured', 'vault-unavailable'] as const) {
      source.known = problem(name);
      t.equal(await cameTo(mintFor()), name);
    }
  },
);

t.test('nobody is ever minted for whose key ours is, whether LM or the operator says whose', async (t) => {
  const byLm = credentialsWith(new FakeClock());
  t.equal(await cameTo(byLm.mintFor(7)), 'policy-denied own-admin');
  const byOperator = credentialsWith(new FakeClock(), { ownAdminId: adminId(9) });
  t.equal(await cameTo(byOperator.mintFor(9)), 'policy-denied own-admin');
  t.equal(await cameTo(byOperator.mintFor(7)), 'key1');
  t.equal(byOperator.journal.count('findOwner'), 0, 'LM is not asked');
  const thrown: unknown = await byLm.mintFor(7).catch((fault: unknown) => fault);
  t.match(thrown, { extras: { decisionId, reason: 'own-admin' }, status: 403 });
});

t.test('a key of another user refuses that user from then on, and no longer the former one', async (t) => {
  const { source, portal, mintFor, clock } = credentialsWith(new FakeClock());
  t.equal(await cameTo(mintFor(8)), 'key1');
  portal.owners.set('key2', found(8));
  source.rotate(pairOf(2));
  await cameTo(mintFor(32));
  await clock.pass(0);
  t.equal(await cameTo(mintFor(8)), 'policy-denied own-admin');
  t.equal(await cameTo(mintFor(7)), 'key2');
});

t.test(
  'the old pair serves until the user of the new one is known, and no request waits for that',
  async (t) => {
    const { source, portal, mintFor, journal, credentials, clock, audit } = credentialsWith(new FakeClock());
    await mintFor();
    const { answer, give } = held();
    portal.owners.set('key2', answer);
    source.rotate(pairOf(2));
    journal.taken();
    t.strictSame(await Promise.all([cameTo(mintFor()), cameTo(mintFor()), cameTo(mintFor(7))]), [
      'key1',
      'key1',
      'policy-denied own-admin',
    ]);
    t.strictSame(journal.taken(), ['findOwner key2']);
    give(unknownOwner(503));
    await settle();
    for (let i = 0; i < 20; i++) t.equal(await cameTo(mintFor()), 'key1');
    t.equal(journal.count('findOwner'), 0, 'requests do not ask again');
    portal.owners.set('key2', found(8));
    await clock.pass(2_000);
    t.equal(credentials.state().version, 2, 'the search goes on by itself');
    t.equal(await cameTo(mintFor()), 'key2');
    t.match(audit.of('system').at(-1), { detail: { from: 1, to: 2, ownAdminId: 8 } });
  },
);

t.test('a new pair that LM does not take is latched, and the old one serves on', async (t) => {
  const { source, mintFor, journal, clock, credentials } = credentialsWith(new FakeClock());
  await mintFor();
  source.rotate(pairOf(2));
  t.equal(await cameTo(mintFor()), 'key1');
  await settle();
  journal.taken();
  for (let i = 0; i < 10; i++) t.equal(await cameTo(mintFor()), 'key1');
  await clock.pass(59_000);
  t.equal(journal.count('findOwner key2'), 0, 'LM is not asked again before a minute is over');
  t.match(credentials.state(), { version: 1, latched: false, newPairFails: true });
  source.rotate(pairOf(1));
  t.equal(await cameTo(mintFor()), 'key1');
  t.match(credentials.state(), { version: 1, newPairFails: false }, 'the new pair was taken back');
});

t.test(
  'once LM rejects the old pair it serves no longer, though the new one’s user is not known',
  async (t) => {
    const { source, portal, mintFor, credentials, deadline } = credentialsWith(new FakeClock());
    const old = await mintFor();
    portal.owners.set('key2', unknownOwner(500));
    source.stored = pairOf(2);
    const replaced = credentials.replacement(old, REJECTED, { adminId: adminId(32), decisionId }, deadline());
    t.equal(await cameTo(replaced), 'own-admin-unknown http-500');
    t.equal(await cameTo(mintFor()), 'own-admin-unknown http-500');
    t.equal(credentials.state().ownAdminKnown, false);
  },
);

t.test('a pair of the same version and access id with another key is another pair', async (t) => {
  const { source, mintFor, journal } = credentialsWith(new FakeClock());
  await mintFor();
  source.rotate(pairOf(1, 'written anew'));
  await mintFor();
  await settle();
  t.equal(journal.count('findOwner'), 2);
  source.rotate(pairOf(1, 'written anew'));
  await mintFor();
  t.equal(journal.count('findOwner'), 2, 'and one that was only read again is the same');
});

t.test('after stop no timer is left', async (t) => {
  const { portal, credentials, clock, deadline } = credentialsWith(new FakeClock());
  portal.owners.set('key1', unknownOwner(500));
  await credentials.warm(deadline());
  portal.owners.set('key1', REJECTED);
  await clock.pass(2_000);
  credentials.stop();
  t.strictSame(clock.due(), []);
});
