import t from 'tap';
import type { Issuer } from '../../src/identity/issuers.ts';
import { AUDIENCE, caller, claimsOf, ecKey, entryFor, identityOfAll, jws, startIssuer } from './issuer.ts';

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

t.test(
  'an issuer is its text: no slash is added or dropped, no case folded, no pattern matched',
  async (t) => {
    const slashed = await started(t, { path: '/tenant/uuid/' });
    t.equal(await slashed.call(slashed.sign(slashed.claims())), 'robot-17');
    const { issuer, call, sign, claims } = slashed;
    const { port } = new URL(issuer.url);
    for (const iss of [
      issuer.url.slice(0, -1),
      `${issuer.url}/`,
      issuer.url.replace('tenant', 'Tenant'),
      issuer.url.replace('127.0.0.1', '127.0.0.1.'),
      issuer.url.replace('/tenant', '/x/../tenant'),
      issuer.url.replace('/tenant', '/%74enant'),
      issuer.url.replace('http:', 'HTTP:'),
      ` ${issuer.url}`,
      `https://evil.example/?${issuer.url}`,
      `http://127.0.0.1:${port}@evil.example/tenant/uuid/`,
    ]) {
      t.equal(await call(sign(claims({ iss }))), 'unauthenticated:issuer-unknown', iss);
    }
    const starred = await started(t, {
      entry: { tokenIssuer: 'https://*.example/', jwks: 'http://127.0.0.1:1/' },
    });
    for (const iss of ['https://ci.example/', 'https://x.evil/.example/']) {
      t.equal(
        await starred.call(starred.sign(starred.claims({ iss }))),
        'unauthenticated:issuer-unknown',
        iss,
      );
    }
  },
);

t.test('an audience is met by an equal element alone', async (t) => {
  const { call, sign, claims } = await started(t);
  const near = [
    `${AUDIENCE}/`,
    `${AUDIENCE}.evil.example`,
    AUDIENCE.toUpperCase(),
    AUDIENCE.slice(0, -1),
    '',
  ];
  t.equal(await call(sign(claims({ aud: near }))), 'unauthenticated:audience-wrong');
  for (const aud of near) t.equal(await call(sign(claims({ aud }))), 'unauthenticated:audience-wrong', aud);
  t.equal(await call(sign(claims({ aud: [...near, AUDIENCE] }))), 'robot-17');
  for (const name of ['azp', 'appid', 'client_id', 'cid']) {
    t.equal(
      await call(sign(claims({ aud: 'another', [name]: AUDIENCE }))),
      'unauthenticated:audience-wrong',
      `${name} is no audience`,
    );
    t.equal(
      await call(sign(claims({ aud: undefined, [name]: AUDIENCE }))),
      'unauthenticated:claims-malformed',
      `${name} in place of one`,
    );
  }
  for (const aud of [null, 7, true, {}, [[AUDIENCE]], [AUDIENCE, null]]) {
    t.equal(await call(sign(claims({ aud }))), 'unauthenticated:claims-malformed', JSON.stringify(aud));
  }
});

t.test('an old Kubernetes secret token is refused, also where somebody declared its issuer', async (t) => {
  const legacy = {
    iss: 'kubernetes/serviceaccount',
    sub: 'system:serviceaccount:packing:loader',
    'kubernetes.io/serviceaccount/namespace': 'packing',
  };
  const { call, sign, issuer } = await started(t);
  t.equal(await call(sign(legacy)), 'unauthenticated:claims-malformed');
  const dressed = { ...legacy, aud: AUDIENCE, iat: 1, exp: 4_000_000_000 };
  t.equal(await call(sign(dressed)), 'unauthenticated:issuer-unknown');
  t.strictSame(issuer.asked, []);
  const declared = await started(t, {
    entry: { tokenIssuer: legacy.iss, jwks: `${issuer.url}/keys` },
  });
  t.equal(await declared.call(declared.sign(legacy)), 'unauthenticated:claims-malformed');
});

t.test('a time is a finite JSON number: a malformed one is refused, not taken as absent', async (t) => {
  const { call, sign, claims, now } = await started(t);
  const whole = { iat: now - 10, nbf: now - 10, exp: now + 290 };
  const texts = (name: keyof typeof whole) => {
    const value = whole[name];
    return [`"${value}"`, '"soon"', '""', 'null', 'true', '[]', `[${value}]`, '{}', '1e999', '-1e999'];
  };
  for (const name of ['exp', 'nbf', 'iat'] as const) {
    for (const text of texts(name)) {
      const payload = JSON.stringify(claims({ ...whole, [name]: 12_345 })).replace('12345', text);
      t.equal(await call(sign(payload)), 'unauthenticated:claims-malformed', `${name}: ${text}`);
    }
    const [digit = '', ...rest] = String(whole[name]);
    const exponent = `${digit}.${rest.join('')}e${rest.length}`;
    const payload = JSON.stringify(claims({ ...whole, [name]: 12_345 })).replace('12345', exponent);
    t.equal(await call(sign(payload)), 'robot-17', `${name}: ${exponent}`);
  }
});

t.test('the leeway of a minute is the same for `exp`, `nbf` and `iat`', async (t) => {
  const { call, sign, claims, now } = await started(t);
  const cases: [Record<string, number>, Record<string, number>, string][] = [
    [{ exp: now - 59 }, { exp: now - 60 }, 'expired'],
    [{ nbf: now + 60 }, { nbf: now + 61 }, 'not-yet-valid'],
    [{ iat: now + 60, exp: now + 300 }, { iat: now + 61, exp: now + 300 }, 'not-yet-valid'],
    [{ iat: now - 86_460 }, { iat: now - 86_461 }, 'too-old'],
  ];
  for (const [within, beyond, reason] of cases) {
    t.equal(await call(sign(claims(within))), 'robot-17', JSON.stringify(within));
    t.equal(await call(sign(claims(beyond))), `unauthenticated:${reason}`, JSON.stringify(beyond));
  }
});

t.test('a discovery document about another issuer, or a template, gives no keys', async (t) => {
  const common = await started(t, { path: '/common/v2.0' });
  const origin = new URL(common.issuer.url).origin;
  for (const named of [
    `${origin}/{tenantid}/v2.0`,
    `${common.issuer.url}/`,
    `${origin}/0aa1-tenant/v2.0`,
    'https://evil.example',
  ]) {
    common.issuer.document = { issuer: named };
    const before = common.issuer.fetches();
    for (const iss of [common.issuer.url, `${origin}/0aa1-tenant/v2.0`, named]) {
      const answer = await common.call(common.sign(common.claims({ iss, tid: '0aa1-tenant' })));
      const expected =
        iss === common.issuer.url
          ? 'identity-provider-unavailable:the discovery document is about another issuer'
          : 'unauthenticated:issuer-unknown';
      t.equal(answer, expected, `${named} and ${iss}`);
    }
    t.equal(common.issuer.fetches(), before, 'no key set is fetched on its word');
    common.clock.advance(5000);
  }
});
