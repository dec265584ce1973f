import t from 'tap';
import type { Issuer } from '../../src/identity/issuers.ts';
import { caller, claimsOf, ecKey, edKey, entryFor, identityOfAll, jws, startIssuer } from './issuer.ts';

const key = ecKey({ kid: 'k' });
const HEADER = { alg: 'ES256', kid: 'k' };

async function started(
  test: { teardown(handler: () => unknown): unknown },
  { path = '', entry = {} }: { path?: string; entry?: Partial<Issuer> } = {},
) {
  const issuer = await startIssuer(test, path);
  issuer.keys = [key.jwk];
  const { identity, clock } = identityOfAll(test, [entryFor(issuer, entry)]);
  const call = (jwt: string) => caller(identity, clock, `Bearer ${jwt}`);
  const sign = (claims: Record<string, unknown> | string, header: Record<string, unknown> = HEADER) =>
    jws(header, claims, key.privateKey, 'ES256');
  const claims = (more: Record<string, unknown> = {}) => claimsOf(issuer.url, clock, more);
  return { issuer, call, sign, claims, identity, clock, now: clock.now() / 1000 };
}

t.test('a pinned typ must be there, and be the one', async (t) => {
  const cases: [Issuer['typ'], (string | undefined)[], (string | undefined)[]][] = [
    [
      'JWT',
      ['JWT', 'jwt', 'application/jwt', 'application/JWT'],
      [undefined, 'at+jwt', 'JOSE', 'text/jwt', '', 'JWT '],
    ],
    [
      'at+jwt',
      ['at+jwt', 'AT+JWT', 'application/at+jwt'],
      [undefined, 'JWT', 'jwt', 'rt+jwt', 'application/application/at+jwt'],
    ],
    [undefined, [undefined, 'JWT', 'at+jwt'], ['JOSE', 'dpop+jwt', 'logout+jwt', 'id_token', 'jwt+', '']],
  ];
  for (const [typ, taken, refused] of cases) {
    const { call, sign, claims } = await started(t, { entry: typ === undefined ? {} : { typ } });
    for (const named of taken) {
      t.equal(await call(sign(claims(), { ...HEADER, typ: named })), 'robot-17', `${typ} takes ${named}`);
    }
    for (const named of refused) {
      t.equal(
        await call(sign(claims(), { ...HEADER, typ: named })),
        'unauthenticated:typ-not-allowed',
        `${typ} does not take ${named}`,
      );
    }
  }
});

t.test('a key or a URL that the header brings along is never looked at', async (t) => {
  const { call, claims, issuer } = await started(t);
  const stranger = ecKey({ kid: 'k' });
  const lure = await startIssuer(t);
  lure.keys = [stranger.jwk];
  const header = {
    ...HEADER,
    jwk: stranger.jwk,
    jku: `${lure.url}/keys`,
    x5u: `${lure.url}/chain`,
    x5c: ['MIIC'],
    x5t: 'x',
  };
  t.equal(
    await call(jws(header, claims(), stranger.privateKey, 'ES256')),
    'unauthenticated:signature-invalid',
  );
  t.equal(await call(jws(header, claims(), key.privateKey, 'ES256')), 'robot-17');
  t.strictSame(lure.asked, []);
  t.equal(issuer.fetches(), 1);
});

t.test('a header that must be understood is refused, whatever it says', async (t) => {
  const { call, sign, claims } = await started(t);
  for (const more of [
    { crit: [] },
    { crit: ['b64'], b64: true },
    { crit: ['exp'] },
    { crit: null },
    { b64: true },
    { b64: false, crit: ['b64'] },
  ]) {
    t.equal(
      await call(sign(claims(), { ...HEADER, ...more })),
      'unauthenticated:header-unfit',
      JSON.stringify(more),
    );
  }
});

t.test('a token is taken up to 12,288 bytes, which any server’s header limit lets through', async (t) => {
  const { call, sign, claims } = await started(t);
  const tokenOf = (length: number) => {
    for (let pad = Math.floor((length * 3) / 4) - 400; ; pad++) {
      const token = sign(claims({ pad: 'x'.repeat(pad) }));
      if (token.length >= length) return token;
    }
  };
  const full = tokenOf(12_288);
  t.equal(full.length, 12_288);
  t.equal(await call(full), 'robot-17');
  t.equal(await call(tokenOf(12_289)), 'unauthenticated:token-too-large');
});

t.test('a curve that is not the algorithm’s, and a symmetric key, verify nothing', async (t) => {
  const { call, claims, issuer } = await started(t, { entry: { algorithms: ['ES256', 'EdDSA'] } });
  const p384 = ecKey({ kid: 'p' }, 'P-384');
  const ed = edKey({ kid: 'k' });
  issuer.keys = [p384.jwk, ed.jwk, { kty: 'oct', kid: 'k', k: 'AAAA' }];
  const signed = (header: Record<string, unknown>, signer: typeof key) =>
    jws(header, claims(), signer.privateKey, String(header['alg']));
  t.equal(await call(signed({ alg: 'ES256', kid: 'p' }, key)), 'unauthenticated:key-unknown');
  t.equal(await call(signed({ alg: 'ES256', kid: 'k' }, key)), 'unauthenticated:key-unknown');
  t.equal(await call(signed({ alg: 'EdDSA', kid: 'k' }, ed)), 'robot-17');
});
