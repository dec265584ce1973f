import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { Deadline } from '../../src/mint/clock.ts';
import { Problem } from '../../src/mint/problems.ts';
import { AUDIENCE, caller, ecKey, edKey, identityOf, jws, rsaKey, startIssuer } from './issuer.ts';

const rsa = rsaKey({ kid: 'rsa-1', alg: 'RS256', use: 'sig' });
const ec = ecKey({ kid: 'ec-1' });
const stranger = rsaKey();
const RS = { typ: 'JWT', alg: 'RS256', kid: 'rsa-1' };
const ES = { alg: 'ES256', kid: 'ec-1' };

async function started(test: { teardown(handler: () => unknown): unknown }) {
  const issuer = await startIssuer(test);
  issuer.keys = [rsa.jwk, ec.jwk];
  const parts = identityOf(test, issuer);
  await parts.identity.warm();
  const call = (token: string) => caller(parts.identity, parts.clock, `Bearer ${token}`);
  return { issuer, call, ...parts };
}

t.test(
  'a genuine token names its subject verbatim, and the principal is issuer, alias and subject',
  async (t) => {
    const { identity, clock, claims, issuer } = await started(t);
    const sub = 'repo:acme@44/arm@99:environment:prod%3Aeu ÅÅ';
    const authorization = [`bEARER  ${jws(RS, claims({ sub }), rsa.privateKey, 'RS256')}`];
    const principal = await identity.authenticate({
      authorization,
      certificate: null,
      deadline: new Deadline(clock, 1000),
    });
    t.match(principal, { subject: sub, alias: 'ci', issuer: issuer.url, authenticatedBy: 'jwt' });
    t.match(principal.id, /^[0-9a-f]{64}$/);
  },
);

t.test('one subject of two aliases is two principals, however the parts are cut', async (t) => {
  const issuer = await startIssuer(t);
  issuer.keys = [ec.jwk];
  const ids = new Set<string>();
  for (const [alias, sub] of [
    ['a', 'b-c'],
    ['a-b', 'c'],
    ['a', '-b-c'],
  ] as const) {
    const { identity, clock, claims } = identityOf(t, issuer, { alias });
    const authorization = [`Bearer ${jws(ES, claims({ sub }), ec.privateKey, 'ES256')}`];
    ids.add(
      (await identity.authenticate({ authorization, certificate: null, deadline: new Deadline(clock, 1000) }))
        .id,
    );
  }
  t.equal(ids.size, 3);
});

t.test('what real platforms sign is taken', async (t) => {
  const { call, claims, clock } = await started(t);
  const now = clock.now() / 1000;
  const genuine: Record<string, Record<string, unknown>> = {
    'nbf ten minutes before iat': { nbf: now - 630 },
    'audiences in a list': { aud: ['https://kubernetes.default.svc', AUDIENCE] },
    'claims that are null, fractions, objects or dotted names': {
      team: null,
      level: 1.5,
      'kubernetes.io': { pod: { name: 'x' } },
      dept: { __entity: { type: 'Group', id: 'ops' } },
    },
    'an issuer clock that runs a minute ahead': { iat: now + 59, nbf: now + 59, exp: now + 359 },
    'expired less than the leeway ago': { exp: now - 59 },
    'times with a fraction': { iat: now - 10.25, exp: now + 100.5 },
    'a subject that is digits': { sub: '104000000000000000017', azp: '104000000000000000017' },
    'a subject with a slash at its end': { sub: 'https://jenkins.example/job/arm/' },
    'issued almost a day ago': { iat: now - 86_400, exp: now + 10 },
  };
  for (const [what, more] of Object.entries(genuine)) {
    const expected = 'sub' in more ? String(more['sub']) : 'robot-17';
    t.equal(await call(jws(RS, claims(more), rsa.privateKey, 'RS256')), expected, what);
  }
  for (const typ of ['jwt', 'at+jwt', 'application/AT+JWT']) {
    t.equal(await call(jws({ ...RS, typ }, claims(), rsa.privateKey, 'RS256')), 'robot-17', typ);
  }
  const stated = { ...ES, x5t: 'Zm9v', jku: 'http://127.0.0.1:1/', jwk: stranger.jwk };
  t.equal(
    await call(jws(stated, claims(), ec.privateKey, 'ES256')),
    'robot-17',
    'keys in the header are ignored',
  );
});

t.test('claims that do not fit are refused, each for its reason', async (t) => {
  const { call, claims, clock, issuer } = await started(t);
  const now = clock.now() / 1000;
  const cases: [string, Record<string, unknown>, string][] = [
    ['expired', { exp: now - 61 }, 'expired'],
    ['not valid yet', { nbf: now + 61 }, 'not-yet-valid'],
    ['issued in the future', { iat: now + 61 }, 'not-yet-valid'],
    ['older than the age limit, though not expired', { iat: now - 86_461, exp: now + 9e6 }, 'too-old'],
    ['no exp', { exp: undefined }, 'claims-malformed'],
    ['no iat', { iat: undefined }, 'claims-malformed'],
    ['exp as text', { exp: String(now + 100) }, 'claims-malformed'],
    ['nbf as text', { nbf: String(now - 100) }, 'claims-malformed'],
    ['no aud', { aud: undefined }, 'claims-malformed'],
    ['aud is a list with a number', { aud: [AUDIENCE, 1] }, 'claims-malformed'],
    ['aud is an object', { aud: { [AUDIENCE]: true } }, 'claims-malformed'],
    ['an empty list of aud', { aud: [] }, 'audience-wrong'],
    [
      'near misses of aud',
      { aud: [`${AUDIENCE}/`, `${AUDIENCE}.evil.example`, AUDIENCE.toUpperCase()] },
      'audience-wrong',
    ],
    ['azp does not stand in for aud', { aud: 'x', azp: AUDIENCE }, 'audience-wrong'],
    ['iss with a slash more', { iss: `${issuer.url}/` }, 'issuer-unknown'],
    ['iss in upper case', { iss: issuer.url.toUpperCase() }, 'issuer-unknown'],
    ['no iss', { iss: undefined }, 'claims-malformed'],
    ['no sub', { sub: undefined, email: 'x@y.example' }, 'subject-unfit'],
    ['an empty sub', { sub: '' }, 'subject-unfit'],
    ['sub is a number', { sub: 17 }, 'subject-unfit'],
    ['sub is too long', { sub: 'x'.repeat(1025) }, 'subject-unfit'],
  ];
  for (const [what, more, reason] of cases) {
    const token = jws(RS, claims(more), rsa.privateKey, 'RS256');
    t.equal(await call(token), `unauthenticated:${reason}`, what);
  }
  const surrogate = JSON.stringify(claims()).replace('robot-17', '\\ud800');
  t.equal(
    await call(jws(RS, surrogate, rsa.privateKey, 'RS256')),
    'unauthenticated:subject-unfit',
    'lone surrogate',
  );
  const infinite = JSON.stringify(claims({ exp: 1 })).replace('"exp":1', '"exp":1e999');
  t.equal(
    await call(jws(RS, infinite, rsa.privateKey, 'RS256')),
    'unauthenticated:claims-malformed',
    'infinite exp',
  );
});

t.test('attacks on header and form are refused, and cause no fetch', async (t) => {
  const { call, claims, issuer } = await started(t);
  const before = issuer.asked.length;
  const good = jws(RS, claims(), rsa.privateKey, 'RS256');
  const [head = '', body = '', tail = ''] = good.split('.');
  const none = Buffer.from('{"alg":"none","kid":"rsa-1"}').toString('base64url');
  const hs = Buffer.from('{"alg":"HS256","kid":"rsa-1"}').toString('base64url');
  const pem = createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' });
  const mac = createHmac('sha256', pem).update(`${hs}.${body}`).digest('base64url');
  const signed = (
    header: Record<string, unknown> | string,
    payload: Record<string, unknown> | string = claims(),
  ) => jws(header, payload, rsa.privateKey, 'RS256');
  const text = JSON.stringify(claims());
  const cases: [string, string, string][] = [
    ['alg none', `${none}.${body}.${tail}`, 'algorithm-not-allowed'],
    ['alg none without a signature', `${none}.${body}.`, 'token-malformed'],
    ['HS256 keyed with the public key', `${hs}.${body}.${mac}`, 'algorithm-not-allowed'],
    [
      'an algorithm that is not listed',
      jws({ ...RS, alg: 'PS256' }, claims(), rsa.privateKey, 'PS256'),
      'algorithm-not-allowed',
    ],
    ['the algorithm in lower case', signed({ ...RS, alg: 'rs256' }), 'algorithm-not-allowed'],
    [
      'signed by another, with its key in the header',
      jws({ ...RS, jwk: stranger.jwk }, claims(), stranger.privateKey, 'RS256'),
      'signature-invalid',
    ],
    [
      'another payload under the signature',
      `${head}.${Buffer.from(text.replace('robot', 'admin')).toString('base64url')}.${tail}`,
      'signature-invalid',
    ],
    ['an unsigned part of zeros', `${head}.${body}.${'A'.repeat(tail.length)}`, 'signature-invalid'],
    ['two parts', `${head}.${body}`, 'token-malformed'],
    ['five parts, as an encrypted token has', `${head}.${body}.${tail}.${body}.${tail}`, 'token-malformed'],
    ['padding', `${good}=`, 'token-malformed'],
    ['crit', signed({ ...RS, crit: ['exp'], exp: 1 }), 'header-unfit'],
    ['b64', signed({ ...RS, b64: true }), 'header-unfit'],
    ['typ of something else', signed({ ...RS, typ: 'dpop+jwt' }), 'typ-not-allowed'],
    ['typ of a JWT-SVID', signed({ ...RS, typ: 'JOSE' }), 'typ-not-allowed'],
    ['kid is a number', signed({ ...RS, kid: 1 }), 'header-unfit'],
    ['header is a list', signed('[]'), 'header-unfit'],
    ['claims are a JWS again', signed({ ...RS, cty: 'JWT' }, good), 'token-malformed'],
    [
      'a member twice in the header',
      signed('{"alg":"RS256","kid":"rsa-1","\\u006bid":"rsa-1"}'),
      'token-malformed',
    ],
    ['a member twice in the claims', signed(RS, text.replace('{', '{"sub":"admin",')), 'token-malformed'],
    ['a member twice, nested', signed(RS, text.replace('{', '{"a":{"b":1,"b":2},')), 'token-malformed'],
    ['100 kB', `${head}.${'A'.repeat(100_000)}.${tail}`, 'token-too-large'],
    [
      'an issuer that nobody declared',
      signed(RS, { ...claims(), iss: 'https://evil.example' }),
      'issuer-unknown',
    ],
  ];
  for (const [what, token, reason] of cases) {
    t.equal(await call(token), `unauthenticated:${reason}`, what);
  }
  t.equal(issuer.asked.length, before, 'no request to the issuer');
});

t.test('an ECDSA signature in DER is refused', async (t) => {
  const { call, claims } = await started(t);
  const raw = jws(ES, claims(), ec.privateKey, 'ES256');
  t.equal(await call(raw), 'robot-17');
  const input = raw.slice(0, raw.lastIndexOf('.'));
  const { sign } = await import('node:crypto');
  const der = sign('sha256', Buffer.from(input), ec.privateKey).toString('base64url');
  t.equal(await call(`${input}.${der}`), 'unauthenticated:signature-invalid');
});

t.test('exactly one bearer credential is taken', async (t) => {
  const { identity, clock, claims } = await started(t);
  const token = jws(RS, claims(), rsa.privateKey, 'RS256');
  t.equal(await caller(identity, clock), 'unauthenticated:no-credentials');
  t.equal(
    await caller(identity, clock, `Bearer ${token}`, `Bearer ${token}`),
    'unauthenticated:several-credentials',
  );
  for (const header of ['', 'Bearer', 'Bearer ', `Basic ${token}`, token, `Bearer ${token} x`]) {
    t.equal(await caller(identity, clock, header), 'unauthenticated:not-bearer', header.slice(0, 12));
  }
});

t.test('no claim, token or key stands in what is thrown', async (t) => {
  const { identity, clock, claims } = await started(t);
  const token = jws(RS, claims({ exp: 1, sub: 'secret-subject' }), rsa.privateKey, 'RS256');
  const error = await identity
    .authenticate({
      authorization: [`Bearer ${token}`],
      certificate: null,
      deadline: new Deadline(clock, 1000),
    })
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  t.ok(error instanceof Problem);
  const { inspect } = await import('node:util');
  const shown = inspect(error, { depth: 9, showHidden: true });
  t.notMatch(shown, 'secret-subject');
  t.notMatch(shown, token.slice(0, 40));
});

t.test('keys are chosen by type, use, operations and algorithm first, then by kid', async (t) => {
  const issuer = await startIssuer(t);
  const { identity, clock, claims } = identityOf(t, issuer, {
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  });
  const other = rsaKey({ kid: 'k' });
  const mine = rsaKey({ kid: 'k' });
  const edwards = edKey({ kid: 'e', alg: 'EdDSA', use: 'sig' });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const token = (header: Record<string, unknown>, key = mine) =>
    jws(header, claims(), key.privateKey, String(header['alg']));
  const K = { alg: 'RS256', kid: 'k' };
  const cases: [string, unknown[], string, string][] = [
    ['no alg, other members beside', [{ ...mine.jwk, x5c: ['x'], issuer: 'y' }], token(K), 'robot-17'],
    [
      'an encryption key under the same kid',
      [{ ...other.jwk, use: 'enc', alg: 'RSA-OAEP' }, mine.jwk],
      token(K),
      'robot-17',
    ],
    ['the same key twice', [mine.jwk, mine.jwk], token(K), 'robot-17'],
    [
      'an unreadable and an unknown key beside',
      [null, { kty: 'AKP', kid: 'k' }, { kty: 'RSA', kid: 'k', n: '', e: 7 }, mine.jwk],
      token(K),
      'robot-17',
    ],
    ['EdDSA', [edwards.jwk, mine.jwk], token({ alg: 'EdDSA', kid: 'e' }, edwards), 'robot-17'],
    ['no kid, one key left of its type', [mine.jwk, edwards.jwk], token({ alg: 'RS256' }), 'robot-17'],
    [
      'a private key that was published by mistake still verifies',
      [{ ...mine.jwk, d: 'AQAB' }],
      token(K),
      'robot-17',
    ],
    [
      'no kid, two keys',
      [mine.jwk, { ...other.jwk, kid: 'l' }],
      token({ alg: 'RS256' }),
      'unauthenticated:key-ambiguous',
    ],
    ['two different keys under one kid', [mine.jwk, other.jwk], token(K), 'unauthenticated:key-ambiguous'],
    [
      'a key for encryption only',
      [{ ...mine.jwk, use: 'enc' }, edwards.jwk],
      token(K),
      'unauthenticated:key-unknown',
    ],
    [
      'a key with other operations',
      [{ ...mine.jwk, key_ops: ['encrypt'] }, edwards.jwk],
      token(K),
      'unauthenticated:key-unknown',
    ],
    [
      'the key’s own alg binds',
      [{ ...mine.jwk, alg: 'RS256' }],
      token({ alg: 'PS256', kid: 'k' }),
      'unauthenticated:key-unknown',
    ],
    [
      'Ed25519 is not EdDSA',
      [edwards.jwk],
      token({ alg: 'Ed25519', kid: 'e' }, edwards),
      'unauthenticated:algorithm-not-allowed',
    ],
    [
      'another curve',
      [ecKey({ kid: 'k' }, 'P-384').jwk, edwards.jwk],
      token({ alg: 'ES256', kid: 'k' }, ec),
      'unauthenticated:key-unknown',
    ],
    [
      'a kid that only a similar key has',
      [{ ...mine.jwk, kid: 'K' }],
      token(K),
      'unauthenticated:key-unknown',
    ],
    [
      'an RSA key of 1024 bits',
      [{ ...small.publicKey.export({ format: 'jwk' }), kid: 'k' }, edwards.jwk],
      token(K, { ...mine, privateKey: small.privateKey }),
      'unauthenticated:key-unknown',
    ],
  ];
  for (const [what, keys, jwt, expected] of cases) {
    issuer.keys = keys;
    await identity.warm();
    t.equal(await caller(identity, clock, `Bearer ${jwt}`), expected, what);
  }
});
