import t from 'tap';
import { caller, ecKey, identityOf, jws, startIssuer } from './issuer.ts';

const key = ecKey();

async function started(test: { teardown(handler: () => unknown): unknown }, subjectClaim: string) {
  const issuer = await startIssuer(test);
  issuer.keys = [key.jwk];
  const { identity, clock, claims } = identityOf(test, issuer, { subjectClaim });
  return (more: Record<string, unknown>) =>
    caller(identity, clock, `Bearer ${jws({ alg: 'ES256' }, claims(more), key.privateKey, 'ES256')}`);
}

t.test('the subject is what the claim of the entry holds, verbatim', async (t) => {
  const call = await started(t, 'oid');
  t.equal(await call({ oid: 'C0FFEE%3A-É', sub: 'pairwise' }), 'C0FFEE%3A-É');
  t.equal(await call({ oid: 'C0FFEE', sub: undefined }), 'C0FFEE', 'also without `sub`');
  const dotted = await started(t, 'oidc.circleci.com/project-id');
  t.equal(await dotted({ 'oidc.circleci.com/project-id': 'p-1' }), 'p-1', 'the name is no path');
});

t.test('no other claim stands in for the one of the entry', async (t) => {
  const call = await started(t, 'oid');
  for (const oid of [undefined, '', null, 7, true, ['robot-17'], { sub: 'robot-17' }]) {
    t.equal(await call({ oid, Oid: 'x' }), 'unauthenticated:subject-unfit', JSON.stringify(oid));
  }
  for (const name of ['constructor', 'toString', 'a.b']) {
    const inherited = await started(t, name);
    t.equal(await inherited({ a: { b: 'robot-17' } }), 'unauthenticated:subject-unfit', name);
  }
});
