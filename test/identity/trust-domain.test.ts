import t from 'tap';
import { isTrustDomain, trustDomainOf } from '../../src/identity/spiffe-id.ts';
import { Deadline } from '../../src/mint/clock.ts';
import {
  caller,
  claimsOf,
  ecKey,
  edKey,
  entryFor,
  identityOfAll,
  jws,
  rsaKey,
  startIssuer,
} from './issuer.ts';

const key = ecKey({ kid: 'svid', use: 'jwt-svid' });
const HEADER = { alg: 'ES256', kid: 'svid' };
const WORKLOAD = 'spiffe://plant.example/ns/line-7/sa/packer';

t.test('a workload’s SPIFFE ID has a trust domain, and nothing else has', (t) => {
  const path = `/${'x'.repeat(2048 - 'spiffe://a/'.length)}`;
  for (const [id, trustDomain] of [
    [WORKLOAD, 'plant.example'],
    ['spiffe://a/b', 'a'],
    ['spiffe://a_b-c.7/A.b_c-D/...', 'a_b-c.7'],
    ['spiffe://a/.b/c.', 'a'],
    [`spiffe://a${path}`, 'a'],
  ] as const) {
    t.equal(trustDomainOf(id), trustDomain, id.slice(0, 40));
  }
  for (const id of [
    '',
    'spiffe://',
    'spiffe:///a',
    'spiffe://plant.example',
    'spiffe://plant.example/',
    'spiffe://plant.example/a/',
    'spiffe://plant.example//a',
    'spiffe://plant.example/./a',
    'spiffe://plant.example/a/..',
    'spiffe://plant.example/a%2Fb',
    'spiffe://plant.example/å',
    'spiffe://plant.example/a?x=1',
    'spiffe://plant.example/a#x',
    'spiffe://plant.example/a\n',
    'spiffe://plant.example:443/a',
    'spiffe://user@plant.example/a',
    'spiffe://Plant.example/a',
    'SPIFFE://plant.example/a',
    'https://plant.example/a',
    'x spiffe://plant.example/a',
    `spiffe://${'x'.repeat(256)}/a`,
    `spiffe://a${path}x`,
  ]) {
    t.equal(trustDomainOf(id), undefined, id.slice(0, 40));
  }
  t.ok(isTrustDomain('plant.example'));
  for (const name of [
    '',
    'Plant.example',
    'spiffe://plant.example',
    'plant.example/',
    'a b',
    'x'.repeat(256),
  ]) {
    t.notOk(isTrustDomain(name), name.slice(0, 40));
  }
  t.end();
});

/** A trust domain without an issuer, one that has one, and an ordinary issuer, each with the same key. */
async function started(test: { teardown(handler: () => unknown): unknown }) {
  const server = await startIssuer(test);
  server.keys = [key.jwk, ecKey({ kid: 'svid', use: 'x509-svid' }).jwk];
  const ordinary = await startIssuer(test);
  ordinary.keys = [{ ...key.jwk, use: 'sig' }];
  const { issuer: _, tokenIssuer: __, ...plain } = entryFor(server, { jwks: `${server.url}/keys` });
  const svid = (alias: string, trustDomain: string, tokenIssuer: string | undefined) => ({
    ...plain,
    alias,
    trustDomain,
    issuer: `spiffe://${trustDomain}`,
    tokenIssuer,
  });
  const parts = identityOfAll(test, [
    svid('plant', 'plant.example', undefined),
    svid('depot', 'depot.example', 'https://oidc.depot.example'),
    entryFor(ordinary, { alias: 'ci' }),
  ]);
  const token = (more: Record<string, unknown>, header: Record<string, unknown> = HEADER, signer = key) =>
    jws(
      header,
      { ...claimsOf('', parts.clock), iss: undefined, sub: WORKLOAD, ...more },
      signer.privateKey,
      String(header['alg']),
    );
  const call = (jwt: string) => caller(parts.identity, parts.clock, `Bearer ${jwt}`);
  const who = (jwt: string) =>
    parts.identity.authenticate({
      authorization: [`Bearer ${jwt}`],
      certificate: null,
      deadline: new Deadline(parts.clock, 5000),
    });
  return { server, ordinary, token, call, who, ...parts };
}

t.test('a JWT-SVID without `iss` is its workload, whose issuer is the trust domain', async (t) => {
  const { token, who, server, identity } = await started(t);
  t.match(await who(token({})), {
    subject: WORKLOAD,
    alias: 'plant',
    issuer: 'spiffe://plant.example',
    authenticatedBy: 'jwt',
  });
  t.strictSame(server.asked, ['/keys'], 'and no document is asked for');
  t.match(identity.state(), [
    { alias: 'plant', keys: 1 },
    { alias: 'depot', keys: 0 },
    { alias: 'ci', keys: 0 },
  ]);
});

t.test('a workload is the same principal whether its token has the `iss` of the entry or none', async (t) => {
  const { token, who } = await started(t);
  const sub = 'spiffe://depot.example/loader';
  const [without, within] = [
    await who(token({ sub })),
    await who(token({ sub, iss: 'https://oidc.depot.example' })),
  ];
  t.match(within, { alias: 'depot', issuer: 'spiffe://depot.example' });
  t.equal(within.id, without.id);
});

t.test('no token of one entry passes as another’s, in either direction', async (t) => {
  const { token, call, who, ordinary, server } = await started(t);
  const loader = 'spiffe://depot.example/loader';
  const depot = 'https://oidc.depot.example';
  const cases: [string, Record<string, unknown>, string][] = [
    [
      'an `iss` that the trust domain’s entry does not have',
      { iss: 'https://oidc.plant.example' },
      'issuer-unknown',
    ],
    ['the trust domain as `iss`', { iss: 'spiffe://plant.example' }, 'issuer-unknown'],
    ['an empty `iss`', { iss: '' }, 'issuer-unknown'],
    ['`iss` is null', { iss: null }, 'claims-malformed'],
    ['a trust domain that nobody declared', { sub: 'spiffe://evil.example/x' }, 'issuer-unknown'],
    ['a trust domain below', { sub: 'spiffe://x.plant.example/x' }, 'issuer-unknown'],
    ['the trust domain itself', { sub: 'spiffe://plant.example' }, 'claims-malformed'],
    ['no SPIFFE ID', { sub: 'packer' }, 'claims-malformed'],
    ['no sub', { sub: undefined }, 'claims-malformed'],
    ['one entry’s `iss` with another’s subject', { iss: depot }, 'trust-domain-wrong'],
    [
      'one entry’s `iss` with a name that is no SPIFFE ID',
      { iss: depot, sub: 'loader' },
      'trust-domain-wrong',
    ],
    [
      'one entry’s `iss` with a broken SPIFFE ID',
      { iss: depot, sub: `${loader}/../x` },
      'trust-domain-wrong',
    ],
  ];
  for (const [what, more, reason] of cases) {
    t.equal(await call(token(more)), `unauthenticated:${reason}`, what);
  }
  const before = ordinary.asked.length + server.asked.length;
  t.equal(await call(token({ sub: 'spiffe://evil.example/y' })), 'unauthenticated:issuer-unknown');
  t.equal(ordinary.asked.length + server.asked.length, before, 'and no request is made for an unknown one');
  const posed = await who(token({ iss: ordinary.url }));
  t.match(posed, { alias: 'ci', issuer: ordinary.url, subject: WORKLOAD });
  t.not(
    posed.id,
    (await who(token({}))).id,
    'an ordinary issuer that names a workload makes its own principal',
  );
});

t.test('a JWT-SVID’s header has `alg`, `kid` and `typ` at most, and a typ of its own', async (t) => {
  const { token, call, ordinary } = await started(t);
  for (const typ of ['JWT', 'JOSE', 'jose'])
    t.equal(await call(token({}, { ...HEADER, typ })), WORKLOAD, typ);
  t.equal(await call(token({}, { alg: 'ES256' })), WORKLOAD, 'no kid');
  t.equal(await call(token({}, { ...HEADER, typ: 'at+jwt' })), 'unauthenticated:typ-not-allowed');
  t.equal(await call(token({}, { ...HEADER, x5t: 'Zm9v' })), 'unauthenticated:header-unfit');
  const atOrdinary = { iss: ordinary.url, sub: 'packer' };
  t.equal(await call(token(atOrdinary, { ...HEADER, typ: 'JOSE' })), 'unauthenticated:typ-not-allowed');
  t.equal(await call(token(atOrdinary, { ...HEADER, x5t: 'Zm9v' })), 'packer');
});

t.test('keys for JWT-SVIDs count for a trust domain only, and those for X.509-SVIDs never', async (t) => {
  const { token, call, server, ordinary, identity, clock } = await started(t);
  const set = async (...keys: unknown[]) => {
    server.keys = keys;
    ordinary.keys = keys;
    await identity.warm();
    clock.advance(1);
  };
  const spare = rsaKey({ use: 'sig', kid: 'spare' }).jwk;
  const { use: _, ...plain } = key.jwk;
  const answers = async () => [
    await call(token({})),
    await call(token({ iss: ordinary.url, sub: 'packer' })),
  ];
  const unknown = 'unauthenticated:key-unknown';
  await set(spare, { ...plain, use: 'jwt-svid' });
  t.strictSame(await answers(), [WORKLOAD, unknown]);
  await set(spare, { ...plain, use: 'x509-svid' });
  t.strictSame(await answers(), [unknown, unknown]);
  await set(spare, { ...plain, use: 'enc' });
  t.strictSame(await answers(), [unknown, unknown]);
  await set(spare, { ...plain, use: 'sig' });
  t.strictSame(await answers(), [WORKLOAD, 'packer']);
  await set(spare, plain);
  t.strictSame(await answers(), [WORKLOAD, 'packer'], 'SPIRE’s discovery provider names no use');
});

t.test('a JWT-SVID needs what every token needs, and EdDSA is none of its algorithms', async (t) => {
  const { token, call, clock } = await started(t);
  const now = clock.now() / 1000;
  const long = `spiffe://plant.example/${'x'.repeat(2048 - 23)}`;
  t.equal(await call(token({ sub: long })), long);
  t.equal(await call(token({ sub: `${long}x` })), 'unauthenticated:claims-malformed');
  t.equal(await call(token({ aud: 'another' })), 'unauthenticated:audience-wrong');
  t.equal(await call(token({ exp: now - 61 })), 'unauthenticated:expired');
  t.equal(await call(token({ iat: undefined })), 'unauthenticated:claims-malformed');
  t.equal(await call(token({}, HEADER, ecKey())), 'unauthenticated:signature-invalid');
  t.equal(
    await call(token({}, { alg: 'EdDSA', kid: 'svid' }, edKey())),
    'unauthenticated:algorithm-not-allowed',
  );
});
