import t from 'tap';
import { caller, ecKey, identityOf, jws, startIssuer } from './issuer.ts';

const first = ecKey();
const second = ecKey();
const stranger = ecKey();
const settings = { refreshMs: 3_600_000, staleMs: 7_200_000, cooldownMs: 30_000, retryMs: 5_000 };

/** An issuer that names none of its keys, and has one at a time; the broker has fetched the first. */
async function started(test: { teardown(handler: () => unknown): unknown }) {
  const issuer = await startIssuer(test);
  issuer.keys = [first.jwk];
  const parts = identityOf(test, issuer, {}, settings);
  await parts.identity.warm();
  const call = (key: typeof first, header: object = {}, claims: Record<string, unknown> = {}) =>
    caller(
      parts.identity,
      parts.clock,
      `Bearer ${jws({ alg: 'ES256', ...header }, parts.claims(claims), key.privateKey, 'ES256')}`,
    );
  return { issuer, call, ...parts };
}

t.test('a key that took over without a name is found by one fetch once the cool-down is over', async (t) => {
  const { issuer, call, clock } = await started(t);
  t.equal(await call(first), 'robot-17');
  issuer.keys = [second.jwk];
  clock.advance(settings.cooldownMs - 1);
  t.equal(await call(second), 'unauthenticated:signature-invalid', 'within the cool-down');
  t.equal(issuer.fetches(), 1);
  clock.advance(1);
  t.strictSame(await Promise.all([call(second), call(second), call(second)]), Array(3).fill('robot-17'));
  t.equal(issuer.fetches(), 2);
  t.equal(await call(first), 'unauthenticated:signature-invalid', 'and the old one serves no more');
  t.equal(issuer.fetches(), 2);
});

t.test('a flood of bad signatures without a key id causes one fetch a cool-down', async (t) => {
  const { issuer, call, clock } = await started(t);
  const flood = async () => {
    for (let wave = 0; wave < 3; wave++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => call(stranger)));
      t.ok(answers.every((answer) => answer === 'unauthenticated:signature-invalid'));
    }
  };
  await flood();
  t.equal(issuer.fetches(), 1, 'none within the cool-down of the first');
  for (const fetches of [2, 3]) {
    clock.advance(settings.cooldownMs);
    await flood();
    t.equal(issuer.fetches(), fetches);
  }
  t.equal(await call(first), 'robot-17', 'and good callers are served');
});

t.test('only a signature that fits no key, of a token that names none, causes a fetch', async (t) => {
  const { issuer, call, clock } = await started(t);
  issuer.keys = [{ ...second.jwk, kid: 'second' }];
  clock.advance(settings.cooldownMs);
  const now = clock.now() / 1_000;
  t.equal(await call(first, {}, { exp: now - 61 }), 'unauthenticated:expired');
  t.equal(await call(first, {}, { aud: 'another' }), 'unauthenticated:audience-wrong');
  t.equal(issuer.fetches(), 1);
  t.equal(await call(second, { kid: 'second' }), 'robot-17', 'an unknown name');
  t.equal(issuer.fetches(), 2);
  clock.advance(settings.cooldownMs);
  t.equal(await call(stranger, { kid: 'second' }), 'unauthenticated:signature-invalid');
  t.equal(issuer.fetches(), 2, 'the key that it names is there');
});

t.test('an issuer that is down at that moment costs nobody the key that is known', async (t) => {
  const { issuer, call, clock } = await started(t);
  issuer.instead = (_request, response) => Boolean(response.writeHead(503).end());
  clock.advance(settings.cooldownMs);
  const asked = issuer.asked.length;
  t.equal(await call(stranger), 'unauthenticated:signature-invalid');
  t.equal(await call(stranger), 'unauthenticated:signature-invalid');
  t.equal(issuer.asked.length, asked + 1, 'a failed attempt begins the cool-down too');
  t.equal(await call(first), 'robot-17');
});
