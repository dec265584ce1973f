import t from 'tap';
import type { Issuer } from '../../src/identity/issuers.ts';
import { caller, ecKey, identityOf, jws, rsaKey, startIssuer, type TestKey } from './issuer.ts';

const settings = { refreshMs: 3_600_000, staleMs: 7_200_000, cooldownMs: 30_000, retryMs: 5000 };
const first = rsaKey({ kid: 'first', use: 'sig' });
const second = rsaKey({ kid: 'second', use: 'sig' });
const stranger = rsaKey();

async function started(
  test: { teardown(handler: () => unknown): unknown },
  keys: unknown[] = [first.jwk, second.jwk],
  entry: Partial<Issuer> = {},
) {
  const issuer = await startIssuer(test);
  issuer.keys = keys;
  const parts = identityOf(test, issuer, entry, settings);
  await parts.identity.warm();
  const call = (header: Record<string, unknown>, signer: TestKey) => {
    const whole = { alg: 'RS256', ...header };
    const jwt = jws(whole, parts.claims(), signer.privateKey, whole.alg);
    return caller(parts.identity, parts.clock, `Bearer ${jwt}`);
  };
  return { issuer, call, ...parts };
}

t.test('a token without a key id is refused while two keys could have signed it', async (t) => {
  const { call, issuer } = await started(t);
  t.equal(await call({}, second), 'unauthenticated:key-ambiguous');
  t.equal(await call({}, first), 'unauthenticated:key-ambiguous');
  t.equal(await call({ kid: 'second' }, second), 'robot-17');
  t.equal(issuer.fetches(), 1);
});

t.test(
  'with tryAllKeys a token without a key id is verified by any key that fits, and by no other',
  async (t) => {
    const other = ecKey({ kid: 'ec' });
    const { call, issuer, clock, identity } = await started(t, [first.jwk, second.jwk, other.jwk], {
      tryAllKeys: true,
    });
    t.equal(await call({}, first), 'robot-17');
    t.equal(await call({}, second), 'robot-17');
    t.equal(await call({ alg: 'ES256' }, other), 'robot-17');
    t.equal(await call({}, stranger), 'unauthenticated:signature-invalid');
    t.equal(await call({ kid: 'first' }, second), 'unauthenticated:signature-invalid', 'a key id is meant');
    t.equal(await call({ kid: 'third' }, second), 'unauthenticated:key-unknown');
    t.equal(issuer.fetches(), 1);
    issuer.keys = [first.jwk, { ...second.jwk, alg: 'RS512' }];
    clock.advance(1);
    await identity.warm();
    t.equal(await call({}, second), 'unauthenticated:signature-invalid', 'a key that left is tried no more');
    t.equal(await call({}, first), 'robot-17');
  },
);

t.test(
  'with tryAllKeys two keys under one key id are still unsure, and more than ten are never tried',
  async (t) => {
    const clash = await started(t, [first.jwk, { ...second.jwk, kid: 'first' }], { tryAllKeys: true });
    t.equal(await clash.call({ kid: 'first' }, second), 'unauthenticated:key-ambiguous');
    const some = ecKey({ kid: 'some' });
    const spare = [some, ...Array.from({ length: 9 }, (_, i) => ecKey({ kid: `spare-${i}` }))];
    const many = await started(
      t,
      spare.map(({ jwk }) => jwk),
      { tryAllKeys: true },
    );
    t.equal(await many.call({ alg: 'ES256' }, some), 'robot-17');
    many.issuer.keys.push(ecKey({ kid: 'eleventh' }).jwk);
    await many.identity.warm();
    t.equal(await many.call({ alg: 'ES256' }, some), 'unauthenticated:key-ambiguous');
  },
);

t.test('a key id that is not in the set is refused, though a key of the set verifies', async (t) => {
  const { call, issuer, clock } = await started(t, [first.jwk]);
  t.equal(await call({ kid: 'second' }, first), 'unauthenticated:key-unknown', 'within the cool-down');
  t.equal(issuer.fetches(), 1);
  clock.advance(settings.cooldownMs);
  t.equal(await call({ kid: 'second' }, first), 'unauthenticated:key-unknown');
  t.equal(await call({ kid: '' }, first), 'unauthenticated:key-unknown');
  t.equal(issuer.fetches(), 2, 'after one fetch more');
});

t.test('the `alg` of a key binds, and no other key steps in for the one that is named', async (t) => {
  const bound = { ...first.jwk, alg: 'RS256' };
  const { call } = await started(t, [bound, { ...second.jwk, alg: 'PS256' }], {
    algorithms: ['RS256', 'PS256'],
  });
  t.equal(await call({ kid: 'first' }, first), 'robot-17');
  t.equal(await call({ alg: 'PS256', kid: 'second' }, second), 'robot-17');
  t.equal(await call({ alg: 'PS256', kid: 'first' }, first), 'unauthenticated:key-unknown');
  t.equal(await call({ alg: 'PS256', kid: 'first' }, second), 'unauthenticated:key-unknown');
  t.equal(await call({ alg: 'RS512', kid: 'first' }, first), 'unauthenticated:algorithm-not-allowed');
});

t.test(
  'one key id for keys of two types, uses or algorithms names the one that fits the token',
  async (t) => {
    const ec = ecKey({ kid: 'same' });
    const signing = { ...first.jwk, kid: 'same', alg: 'RS256' };
    const { call, issuer, identity } = await started(t, [ec.jwk, signing]);
    t.equal(await call({ kid: 'same' }, first), 'robot-17');
    t.equal(await call({ kid: 'same', alg: 'ES256' }, ec), 'robot-17');
    issuer.keys = [{ ...second.jwk, kid: 'same', alg: 'RS512' }, signing];
    await identity.warm();
    t.equal(await call({ kid: 'same' }, first), 'robot-17');
    issuer.keys = [
      { ...second.jwk, kid: 'same', key_ops: ['sign'] },
      { ...signing, key_ops: ['verify'] },
    ];
    await identity.warm();
    t.equal(await call({ kid: 'same' }, first), 'robot-17');
  },
);

t.test('a cool-down begins with every attempt: with one that failed, and with an empty set', async (t) => {
  for (const answer of ['{"keys":[]}', '<html>', undefined]) {
    const { call, issuer, clock } = await started(t);
    issuer.instead = ({ url }, response) => {
      if (url !== '/keys') return false;
      return Boolean(answer === undefined ? response.writeHead(503).end() : response.end(answer));
    };
    clock.advance(settings.cooldownMs);
    t.equal(await call({ kid: 'made-up' }, stranger), 'unauthenticated:key-unknown');
    t.equal(issuer.fetches(), 2);
    clock.advance(3000);
    for (const kid of ['made-up', 'made-up-too']) {
      t.equal(await call({ kid }, stranger), 'unauthenticated:key-unknown', 'three seconds later');
    }
    t.equal(issuer.fetches(), 2, String(answer));
    t.equal(await call({ kid: 'first' }, first), 'robot-17', 'and the keys that there are serve on');
  }
});

t.test('a redirect to other keys is not followed, be it of the document or of the key set', async (t) => {
  const elsewhere = await startIssuer(t);
  elsewhere.keys = [{ ...stranger.jwk, kid: 'lure' }];
  for (const path of ['/.well-known/openid-configuration', '/keys']) {
    for (const status of [301, 302, 303, 307, 308]) {
      const { call, issuer, identity, clock } = await started(t);
      elsewhere.document = { issuer: issuer.url };
      issuer.instead = ({ url }, response) =>
        url === path && Boolean(response.writeHead(status, { location: `${elsewhere.url}${path}` }).end());
      clock.advance(settings.cooldownMs);
      t.equal(await call({ kid: 'lure' }, stranger), 'unauthenticated:key-unknown', `${status} at ${path}`);
      t.match(identity.state(), [{ keys: 2, failure: `HTTP ${status}` }]);
    }
  }
  t.strictSame(elsewhere.asked, []);
});
