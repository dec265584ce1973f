import t from 'tap';
import type { IdentitySettings } from '../../src/identity/settings.ts';
import { caller, ecKey, identityOf, jws, startIssuer } from './issuer.ts';

const key = ecKey({ kid: 'k' });
const other = ecKey({ kid: 'k' });
const VERIFIED_FOR_MS = 300_000;
/** Out of the way of what is tested. */
const LONG: Partial<IdentitySettings> = { refreshMs: 1e9, staleMs: 2e9, verifiedForMs: 1e9 };

/** An identity with its keys, and how many signatures were checked since this was last asked. */
async function started(
  test: { teardown(handler: () => unknown): unknown },
  settings: Partial<IdentitySettings> = {},
  maxTokenAge = 86_400,
) {
  const issuer = await startIssuer(test);
  issuer.keys = [key.jwk];
  const parts = identityOf(test, issuer, { maxTokenAge }, settings);
  await parts.identity.warm();
  let checks = 0;
  const verify = crypto.subtle.verify;
  crypto.subtle.verify = (...of: Parameters<typeof verify>) => {
    checks++;
    return verify.apply(crypto.subtle, of);
  };
  test.teardown(() => {
    crypto.subtle.verify = verify;
  });
  const checked = () => {
    const before = checks;
    checks = 0;
    return before;
  };
  const token = (more: Record<string, unknown> = {}, kid: string | undefined = 'k') =>
    jws({ alg: 'ES256', kid }, parts.claims(more), key.privateKey, 'ES256');
  const call = (jwt: string) => caller(parts.identity, parts.clock, `Bearer ${jwt}`);
  const seconds = () => parts.clock.now() / 1000;
  return { issuer, token, call, checked, seconds, ...parts };
}

t.test('a token that comes again is checked once, and each other one for itself', async (t) => {
  const { token, call, checked } = await started(t);
  const jwt = token();
  for (let i = 0; i < 5; i++) t.equal(await call(jwt), 'robot-17');
  t.equal(checked(), 1);
  t.equal(await call(token()), 'robot-17', 'the same claims under another signature');
  t.equal(await call(token({ sub: 'robot-18' })), 'robot-18');
  t.equal(checked(), 2);
});

t.test(
  'a token that was refused is checked each time, and so is one that differs by its signature',
  async (t) => {
    const { token, call, checked } = await started(t);
    const wrong = token({ aud: 'another' });
    for (let i = 0; i < 3; i++) t.equal(await call(wrong), 'unauthenticated:audience-wrong');
    t.equal(checked(), 3);
    const unfit = token({ sub: '' });
    for (let i = 0; i < 2; i++) t.equal(await call(unfit), 'unauthenticated:subject-unfit');
    t.equal(checked(), 2);
    const [good, bad] = [token(), token({ jti: 'x' })];
    t.equal(await call(good), 'robot-17');
    const spliced = good.slice(0, good.lastIndexOf('.')) + bad.slice(bad.lastIndexOf('.'));
    t.equal(await call(spliced), 'unauthenticated:signature-invalid');
  },
);

t.test('a remembered token expires to the second at which one that is verified does', async (t) => {
  const { token, call, checked, clock, seconds } = await started(t, LONG);
  const jwt = token({ exp: seconds() + 100 });
  await call(jwt);
  clock.advance(159_999);
  t.equal(await call(jwt), 'robot-17');
  t.equal(checked(), 1);
  clock.advance(1);
  t.equal(await call(jwt), 'unauthenticated:expired');
  t.equal(checked(), 1);
});

t.test('a remembered token becomes too old', async (t) => {
  const { token, call, checked, clock, seconds } = await started(t, LONG, 600);
  const jwt = token({ iat: seconds(), exp: seconds() + 9000 });
  await call(jwt);
  clock.advance(660_999);
  t.equal(await call(jwt), 'robot-17');
  t.equal(checked(), 1);
  clock.advance(1);
  t.equal(await call(jwt), 'unauthenticated:too-old');
});

t.test('a remembered token is not valid yet for a clock that is set back', async (t) => {
  const { token, call, checked, clock, seconds } = await started(t, LONG);
  const [notBefore, issued] = [token({ nbf: seconds(), iat: seconds() - 500 }), token({ iat: seconds() })];
  await call(notBefore);
  await call(issued);
  clock.advance(-60_000);
  t.strictSame([await call(notBefore), await call(issued)], ['robot-17', 'robot-17'], 'within the leeway');
  t.equal(checked(), 2);
  clock.advance(-1);
  t.equal(await call(notBefore), 'unauthenticated:not-yet-valid');
  t.equal(await call(issued), 'unauthenticated:not-yet-valid');
});

t.test('a remembered token is refused once its key has left the set', async (t) => {
  const { issuer, token, call, checked, identity } = await started(t);
  const named = token();
  t.equal(await call(named), 'robot-17');
  await identity.warm();
  t.equal(await call(named), 'robot-17', 'the same key, fetched again');
  t.equal(checked(), 1);
  issuer.keys = [other.jwk];
  await identity.warm();
  t.equal(await call(named), 'unauthenticated:signature-invalid', 'another key took over its name');
  issuer.keys = [{ ...key.jwk, kid: 'renamed' }];
  await identity.warm();
  t.equal(await call(named), 'unauthenticated:key-unknown');
});

t.test(
  'a remembered token is refused once its issuer’s keys bind to another algorithm, or are unsure',
  async (t) => {
    const { issuer, call, claims, identity } = await started(t);
    const jwt = jws({ alg: 'ES256' }, claims(), key.privateKey, 'ES256');
    t.equal(await call(jwt), 'robot-17');
    issuer.keys = [key.jwk, { ...other.jwk, kid: 'l' }];
    await identity.warm();
    t.equal(await call(jwt), 'unauthenticated:key-ambiguous');
    issuer.keys = [
      { ...key.jwk, alg: 'ES384' },
      { ...other.jwk, kid: 'l', alg: 'ES256' },
    ];
    await identity.warm();
    t.equal(await call(jwt), 'unauthenticated:signature-invalid');
  },
);

t.test('a remembered token does not outlive keys that are too old to serve', async (t) => {
  const { issuer, token, call, clock, identity, seconds } = await started(t, { ...LONG, staleMs: 60_000 });
  const jwt = token({ exp: seconds() + 3600 });
  t.equal(await call(jwt), 'robot-17');
  issuer.instead = (_request, response) => Boolean(response.writeHead(503).end());
  clock.advance(60_000);
  t.equal(await call(jwt), 'robot-17');
  clock.advance(1);
  t.equal(await call(jwt), 'identity-provider-unavailable:HTTP 503');
  t.match(identity.state(), [{ keys: 0 }]);
});

t.test('a token is verified again after five minutes, however often it came', async (t) => {
  const { token, call, checked, clock, seconds } = await started(t);
  const jwt = token({ exp: seconds() + 3600 });
  for (let i = 0; i < 10; i++) {
    t.equal(await call(jwt), 'robot-17');
    clock.advance(VERIFIED_FOR_MS / 10);
  }
  t.equal(checked(), 1);
  t.equal(await call(jwt), 'robot-17');
  t.equal(checked(), 1);
});

t.test('of more tokens than the bound the oldest is forgotten', async (t) => {
  const { token, call, checked } = await started(t, { verifiedTokens: 3 });
  const [a, b, c, d] = [token(), token(), token(), token()];
  for (const jwt of [a, b, c, a, d]) await call(jwt);
  t.equal(checked(), 4);
  for (const jwt of [b, c, d]) await call(jwt);
  t.equal(checked(), 0);
  await call(a);
  t.equal(checked(), 1);
});
