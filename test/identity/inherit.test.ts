import t from 'tap';
import { createIdentity, type Identity } from '../../src/identity/identity.ts';
import type { Issuer } from '../../src/identity/issuers.ts';
import { caller, claimsOf, ecKey, entryFor, identityOfAll, jws, startIssuer } from './issuer.ts';

const key = ecKey({ kid: 'k' });
const events = { warn: () => {}, info: () => {} };

async function started(test: { teardown(handler: () => unknown): unknown }) {
  const issuer = await startIssuer(test);
  issuer.keys = [key.jwk];
  const entry = entryFor(issuer, { jwks: `${issuer.url}/keys` });
  const { identity: before, clock } = identityOfAll(test, [entry], {
    refreshMs: 600_000,
    cooldownMs: 30_000,
  });
  await before.warm();
  const next = (issuers: readonly Issuer[], inherit: Identity = before) => {
    const identity = createIdentity(issuers, { clock, events, inherit });
    test.teardown(() => identity.close());
    return identity;
  };
  const jwt = jws({ alg: 'ES256', kid: 'k' }, claimsOf(issuer.url, clock), key.privateKey, 'ES256');
  const call = (identity: Identity) => caller(identity, clock, `Bearer ${jwt}`);
  return { issuer, entry, before, clock, next, call };
}

t.test('an entry that is unchanged keeps its keys over a reload, and nothing is fetched', async (t) => {
  const { issuer, entry, before, next, call, clock } = await started(t);
  issuer.instead = (_request, response) => Boolean(response.writeHead(503).end());
  const after = next([{ ...entry }]);
  await after.warm();
  await before.close();
  t.equal(await call(after), 'robot-17');
  t.equal(await call(before), 'robot-17', 'a request that began before goes on');
  t.match(after.state(), [{ alias: 'ci', keys: 1, failure: null }]);
  t.equal(issuer.fetches(), 1);
  issuer.instead = () => false;
  clock.advance(600_000);
  await after.handOver(entry)?.fetch();
  t.equal(issuer.fetches(), 2, 'its timer runs on, once');
});

t.test('the new entry’s own rules hold at once, and no verified token is taken over', async (t) => {
  const { issuer, entry, before, next, call } = await started(t);
  t.equal(await call(before), 'robot-17');
  t.equal(await call(next([{ ...entry, audience: 'another' }])), 'unauthenticated:audience-wrong');
  const { before: again, next: nextOf, call: callOf, entry: own } = await started(t);
  const oid = nextOf([{ ...own, subjectClaim: 'oid' }], again);
  t.equal(await callOf(oid), 'unauthenticated:subject-unfit');
  t.equal(issuer.fetches(), 1);
  t.equal(await call(next([])), 'unauthenticated:issuer-unknown', 'an entry that is gone');
});

t.test('keys are fetched anew for an entry that has them from elsewhere, or otherwise', async (t) => {
  const { issuer, entry, before } = await started(t);
  const { jwks: _, ...discovered } = entry;
  const other = 'https://other.example';
  const changes: [string, Issuer][] = [
    ['jwks', { ...entry, jwks: `${issuer.url}/keys?other` }],
    ['no jwks', discovered],
    ['algorithms', { ...entry, algorithms: ['ES256'] }],
    ['ca', { ...entry, ca: 'another' }],
    ['jwksTokenFile', { ...entry, jwksTokenFile: '/run/token' }],
    ['alias', { ...entry, alias: 'deploy' }],
    ['issuer', { ...entry, issuer: other, tokenIssuer: other }],
    ['trustDomain', { ...entry, issuer: 'spiffe://a', trustDomain: 'a' }],
  ];
  for (const [what, changed] of changes) t.equal(before.handOver(changed), undefined, what);
  const unchanged = { audience: 'another', maxTokenAge: 60, subjectClaim: 'oid', tryAllKeys: true };
  t.ok(before.handOver({ ...entry, ...unchanged, typ: 'JWT' }), 'what is no matter of keys does not count');
});

t.test('keys are handed over once, and closed by the identity that has them last', async (t) => {
  const { issuer, entry, before, next, clock } = await started(t);
  const second = next([entry]);
  t.equal(before.handOver(entry), undefined);
  const third = next([entry], second);
  await Promise.all([before.close(), second.close()]);
  issuer.keys = [ecKey({ kid: 'k' }).jwk];
  clock.advance(600_000);
  await third.handOver(entry)?.fetch();
  t.equal(issuer.fetches(), 2, 'neither of the first two ended it');
  const last = await started(t);
  const end = last.next([last.entry]);
  await end.close();
  last.clock.advance(600_000);
  t.equal(last.issuer.fetches(), 1, 'no timer is left');
});

t.test('a reload in mid-fetch joins the fetch, and callers of both identities get its keys', async (t) => {
  const issuer = await startIssuer(t);
  issuer.keys = [key.jwk];
  const entry = entryFor(issuer, { jwks: `${issuer.url}/keys` });
  const { identity: before, clock } = identityOfAll(t, [entry]);
  let release = () => {};
  const asked = new Promise<void>((resolve) => {
    issuer.instead = (request, response) => {
      issuer.instead = () => false;
      release = () => issuer.serve(request, response);
      resolve();
      return true;
    };
  });
  const jwt = jws({ alg: 'ES256', kid: 'k' }, claimsOf(issuer.url, clock), key.privateKey, 'ES256');
  const early = caller(before, clock, `Bearer ${jwt}`);
  await asked;
  const after = createIdentity([entry], { clock, events, inherit: before });
  t.teardown(() => after.close());
  const late = caller(after, clock, `Bearer ${jwt}`);
  await before.close();
  release();
  t.strictSame(await Promise.all([early, late]), ['robot-17', 'robot-17']);
  t.equal(issuer.asked.length, 2, 'the one that hung is served again by the stand-in itself');
});

t.test('keys of a file are those of the new bundle', async (t) => {
  const old = ecKey({ kid: 'k' });
  const source = (jwk: object) => ({ jwk, issuer: { url: 'https://issuer.example' } });
  const { verificationKeys } = await import('../../src/identity/keys.ts');
  const entryWith = (jwk: object): Issuer => {
    const entry = entryFor(source(jwk).issuer);
    return { ...entry, keys: verificationKeys({ keys: [jwk] }, entry) ?? [] };
  };
  const { identity: before, clock } = identityOfAll(t, [entryWith(old.jwk)]);
  const after = createIdentity([entryWith(key.jwk)], { clock, events, inherit: before });
  const signed = (signer: typeof key) =>
    `Bearer ${jws({ alg: 'ES256', kid: 'k' }, claimsOf('https://issuer.example', clock), signer.privateKey, 'ES256')}`;
  t.equal(await caller(after, clock, signed(key)), 'robot-17');
  t.equal(await caller(after, clock, signed(old)), 'unauthenticated:signature-invalid');
});
