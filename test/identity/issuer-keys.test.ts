import t from 'tap';
import { Deadline } from '../../src/mint/clock.ts';
import { caller, ecKey, identityOf, jws, startIssuer } from './issuer.ts';

const first = ecKey({ kid: 'first' });
const second = ecKey({ kid: 'second' });
const settings = { refreshMs: 3_600_000, staleMs: 7_200_000, cooldownMs: 30_000, retryMs: 5000 };

async function started(test: { teardown(handler: () => unknown): unknown }, path = '') {
  const issuer = await startIssuer(test, path);
  issuer.keys = [first.jwk];
  const parts = identityOf(test, issuer, {}, settings);
  const call = (key: typeof first, kid = String(key.jwk['kid'])) =>
    caller(
      parts.identity,
      parts.clock,
      `Bearer ${jws({ alg: 'ES256', kid }, parts.claims(), key.privateKey, 'ES256')}`,
    );
  return { issuer, call, ...parts };
}

const down = (_request: unknown, response: { writeHead(status: number): { end(): void } }) => {
  response.writeHead(503).end();
  return true;
};

t.test('callers who come at once share one fetch, and later ones need none', async (t) => {
  const { issuer, call } = await started(t);
  t.strictSame(await Promise.all([call(first), call(first), call(first)]), Array(3).fill('robot-17'));
  await call(first);
  t.strictSame(issuer.asked, ['/.well-known/openid-configuration', '/keys']);
});

t.test('the discovery document is found below an issuer with a path and a slash at its end', async (t) => {
  for (const path of ['/realms/plant', '/tenant/uuid/']) {
    const { issuer, call } = await started(t, path);
    t.equal(await call(first), 'robot-17');
    t.equal(issuer.asked[0], `${path.replace(/\/$/, '')}/.well-known/openid-configuration`);
  }
});

t.test('a new key is found by one fetch once the cool-down is over', async (t) => {
  const { issuer, call, clock, identity } = await started(t);
  await identity.warm();
  issuer.keys = [second.jwk];
  t.equal(await call(second), 'unauthenticated:key-unknown', 'within the cool-down');
  t.equal(issuer.fetches(), 1);
  clock.advance(settings.cooldownMs);
  t.strictSame(await Promise.all([call(second), call(second)]), ['robot-17', 'robot-17']);
  t.equal(issuer.fetches(), 2);
  t.equal(await call(first), 'unauthenticated:key-unknown', 'a key that left the set');
});

t.test(
  'made-up key ids cause one fetch a cool-down, counted from the last attempt, failed or not',
  async (t) => {
    const { issuer, call, clock, identity } = await started(t);
    await identity.warm();
    issuer.instead = down;
    clock.advance(settings.cooldownMs);
    t.equal(await call(second, 'made-up-1'), 'unauthenticated:key-unknown');
    const asked = issuer.asked.length;
    const strangers = Array.from({ length: 50 }, (_, i) => call(second, `made-up-${i}`));
    t.ok((await Promise.all(strangers)).every((answer) => answer === 'unauthenticated:key-unknown'));
    t.equal(issuer.asked.length, asked, 'no fetch for any of them');
    t.equal(await call(first), 'robot-17', 'and good callers are served');
  },
);

t.test('keys are fetched anew on time, without a caller', async (t) => {
  const { issuer, call, clock, identity } = await started(t);
  await identity.warm();
  issuer.keys = [second.jwk];
  clock.advance(settings.refreshMs);
  await identity.warm();
  t.equal(issuer.fetches(), 2, 'the timer’s fetch, which warm() joined');
  t.equal(await call(first), 'unauthenticated:key-unknown');
});

t.test('while the issuer is down its last keys serve, and then no more', async (t) => {
  const { issuer, call, clock, identity, told } = await started(t);
  await identity.warm();
  issuer.instead = down;
  clock.advance(settings.staleMs);
  await identity.warm();
  t.equal(await call(first), 'robot-17');
  t.match(identity.state(), [{ alias: 'ci', keys: 1, ageMs: settings.staleMs, failure: 'HTTP 503' }]);
  clock.advance(1);
  t.equal(await call(first), 'identity-provider-unavailable:HTTP 503');
  t.match(identity.state(), [{ keys: 0 }]);
  t.match(told.at(-1), { detail: { alias: 'ci', reason: 'HTTP 503' } });
  issuer.instead = () => false;
  clock.advance(settings.retryMs);
  t.equal(await call(first), 'robot-17', 'back when the issuer is');
});

t.test('a fetch never empties or spoils the keys that there are', async (t) => {
  const { issuer, call, clock, identity } = await started(t);
  await identity.warm();
  const answers: [string, () => void][] = [
    ['no key in the set can verify tokens', () => (issuer.keys = [])],
    ['no key in the set can verify tokens', () => (issuer.keys = [{ ...second.jwk, use: 'enc' }])],
    ['no key set, or one with too many keys', () => (issuer.keys = Array(101).fill(second.jwk))],
    [
      'the discovery document is about another issuer',
      () => (issuer.document = { issuer: 'https://{tenantid}/' }),
    ],
    ['the discovery document lacks `issuer` or `jwks_uri`', () => (issuer.document = { jwks_uri: 7 })],
    [
      'jwks_uri must be https (http only on this machine)',
      () => (issuer.document = { jwks_uri: 'http://keys.example/' }),
    ],
    [
      'jwks_uri must not hold credentials',
      () => (issuer.document = { jwks_uri: 'https://u:p@keys.example/' }),
    ],
  ];
  for (const [failure, spoil] of answers) {
    issuer.document = {};
    issuer.keys = [first.jwk];
    spoil();
    await identity.warm();
    t.match(identity.state(), [{ keys: 1, failure }], failure);
    clock.advance(1);
    t.equal(await call(first), 'robot-17');
  }
});

t.test('what is no plain answer is no key set', async (t) => {
  const { issuer, identity } = await started(t);
  const elsewhere = await startIssuer(t);
  elsewhere.keys = [second.jwk];
  const answers: [string, typeof issuer.instead][] = [
    [
      'HTTP 302',
      (_request, response) => Boolean(response.writeHead(302, { location: `${elsewhere.url}/keys` }).end()),
    ],
    ['not JSON, or a member stands twice', (_request, response) => Boolean(response.end('<html>'))],
    [
      'not JSON, or a member stands twice',
      (_request, response) => Boolean(response.end('{"issuer":"a","issuer":"b"}')),
    ],
    ['more than 524288 bytes', (_request, response) => Boolean(response.end(' '.repeat(600_000)))],
    ['UND_ERR_SOCKET', (request) => Boolean(request.socket.destroy())],
  ];
  for (const [failure, instead] of answers) {
    issuer.instead = instead;
    await identity.warm();
    t.match(identity.state(), [{ keys: 0, failure }], failure);
  }
  t.strictSame(elsewhere.asked, [], 'the redirect is not followed');
});

t.test(
  'without keys the caller is told to come back, and the issuer is left in peace meanwhile',
  async (t) => {
    const { issuer, identity, clock, call, claims } = await started(t);
    issuer.instead = down;
    t.equal(await call(first), 'identity-provider-unavailable:HTTP 503');
    const asked = issuer.asked.length;
    clock.advance(1000);
    const authorization = [`Bearer ${jws({ alg: 'ES256' }, claims(), first.privateKey, 'ES256')}`];
    const problem = await identity
      .authenticate({ authorization, certificate: null, deadline: new Deadline(clock, 1000) })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    t.match(problem, { status: 503, retryAfterS: 4 });
    t.equal(issuer.asked.length, asked);
  },
);

t.test('a caller waits for keys no longer than its own deadline, while the fetch goes on', async (t) => {
  const { issuer, clock, call, claims, identity } = await started(t);
  let release = () => {};
  const asked = new Promise<void>((resolve) => {
    issuer.instead = (request, response) => {
      issuer.instead = () => false;
      release = () => issuer.serve(request, response);
      resolve();
      return true;
    };
  });
  const authorization = [`Bearer ${jws({ alg: 'ES256' }, claims(), first.privateKey, 'ES256')}`];
  const impatient = identity
    .authenticate({ authorization, certificate: null, deadline: new Deadline(clock, 1000) })
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  const patient = call(first);
  await asked;
  clock.advance(1000);
  t.match(await impatient, {
    problem: 'identity-provider-unavailable',
    extras: { operatorReason: 'deadline' },
  });
  release();
  t.equal(await patient, 'robot-17');
});

t.test('an issuer that does not finish its answer is given up in time', async (t) => {
  const { issuer, clock, call } = await started(t);
  const asked = new Promise<void>((resolve) => {
    issuer.instead = (_request, response) => {
      response.write('{');
      resolve();
      return true;
    };
  });
  const waiting = call(first);
  await asked;
  clock.advance(2000);
  t.equal(await waiting, 'identity-provider-unavailable:no answer within 2000 ms');
});

t.test('an issuer that cannot be reached is no reason not to start', async (t) => {
  const { identity, clock, told } = identityOf(
    t,
    { url: 'http://127.0.0.1:1' },
    { jwks: 'http://127.0.0.1:1/keys' },
  );
  await identity.warm();
  t.match(identity.state(), [{ keys: 0, ageMs: null, failure: 'ECONNREFUSED' }]);
  t.equal(told.length, 1);
  clock.advance(5000);
  await identity.warm();
  t.equal(told.length, 2, 'it is tried again without a caller');
});

t.test('keys come from the URL of the entry, when it has one, and no document is asked for', async (t) => {
  const issuer = await startIssuer(t);
  issuer.keys = [first.jwk];
  const { identity, clock, claims } = identityOf(
    t,
    { url: 'https://issuer.example' },
    { jwks: `${issuer.url}/keys` },
  );
  const token = jws({ alg: 'ES256', kid: 'first' }, claims(), first.privateKey, 'ES256');
  t.equal(await caller(identity, clock, `Bearer ${token}`), 'robot-17');
  t.strictSame(issuer.asked, ['/keys']);
});
