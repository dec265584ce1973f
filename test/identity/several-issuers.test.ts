import t from 'tap';
import { Deadline } from '../../src/mint/clock.ts';
import {
  caller,
  claimsOf,
  ecKey,
  entryFor,
  identityOfAll,
  jws,
  startIssuer,
  type TestKey,
} from './issuer.ts';

const HEADER = { alg: 'ES256', kid: 'deploy' };
/** Two issuers gave their keys the same name, as people do who choose it. */
const keyOfA = ecKey({ kid: 'deploy' });
const keyOfB = ecKey({ kid: 'deploy' });

async function started(test: { teardown(handler: () => unknown): unknown }) {
  const a = await startIssuer(test);
  const b = await startIssuer(test);
  a.keys = [keyOfA.jwk];
  b.keys = [keyOfB.jwk];
  const parts = identityOfAll(test, [entryFor(a, { alias: 'a' }), entryFor(b, { alias: 'b' })]);
  const token = (iss: string, key: TestKey, header: Record<string, unknown> = HEADER) =>
    jws(header, claimsOf(iss, parts.clock), key.privateKey, 'ES256');
  const call = (jwt: string) => caller(parts.identity, parts.clock, `Bearer ${jwt}`);
  return { a, b, token, call, ...parts };
}

t.test('one subject of two issuers is two principals, also where their key ids are the same', async (t) => {
  const { a, b, token, identity, clock } = await started(t);
  const who = (jwt: string) =>
    identity.authenticate({
      authorization: [`Bearer ${jwt}`],
      certificate: null,
      deadline: new Deadline(clock, 5000),
    });
  const [atA, atB] = [await who(token(a.url, keyOfA)), await who(token(b.url, keyOfB))];
  t.match(atA, { alias: 'a', issuer: a.url, subject: 'robot-17' });
  t.match(atB, { alias: 'b', issuer: b.url, subject: 'robot-17' });
  t.not(atA.id, atB.id);
  t.equal((await who(token(a.url, keyOfA))).id, atA.id);
});

t.test('what one issuer signed in the name of another is refused, with a key id and without', async (t) => {
  const { a, b, token, call } = await started(t);
  t.equal(await call(token(a.url, keyOfA)), 'robot-17');
  for (const header of [HEADER, { alg: 'ES256' }]) {
    t.equal(await call(token(b.url, keyOfA, header)), 'unauthenticated:signature-invalid');
    t.equal(await call(token(a.url, keyOfB, header)), 'unauthenticated:signature-invalid');
  }
  const [head, , signature] = token(a.url, keyOfA).split('.');
  const [, claims] = token(b.url, keyOfA).split('.');
  t.equal(await call(`${head}.${claims}.${signature}`), 'unauthenticated:signature-invalid');
});

t.test('an algorithm, an audience and an age are those of the token’s own issuer', async (t) => {
  const [a, b] = [await startIssuer(t), await startIssuer(t)];
  a.keys = [keyOfA.jwk];
  b.keys = [keyOfB.jwk];
  const { identity, clock } = identityOfAll(t, [
    entryFor(a, { alias: 'a' }),
    entryFor(b, { alias: 'b', audience: 'b-only', maxTokenAge: 300 }),
  ]);
  const call = (iss: string, key: TestKey, more: Record<string, unknown>) =>
    caller(identity, clock, `Bearer ${jws(HEADER, claimsOf(iss, clock, more), key.privateKey, 'ES256')}`);
  t.equal(await call(b.url, keyOfB, { aud: 'b-only' }), 'robot-17');
  t.equal(await call(b.url, keyOfB, {}), 'unauthenticated:audience-wrong');
  t.equal(await call(a.url, keyOfA, { aud: 'b-only' }), 'unauthenticated:audience-wrong');
  const iat = clock.now() / 1000 - 361;
  t.equal(await call(b.url, keyOfB, { aud: 'b-only', iat }), 'unauthenticated:too-old');
  t.equal(await call(a.url, keyOfA, { iat }), 'robot-17');
});

t.test('a token of an issuer that nobody declared causes no request to any', async (t) => {
  const { a, b, token, call } = await started(t);
  const stranger = await startIssuer(t);
  stranger.keys = [keyOfA.jwk];
  for (const iss of [stranger.url, `${a.url}/`, `${a.url},${b.url}`, 'a', '']) {
    t.equal(await call(token(iss, keyOfA)), 'unauthenticated:issuer-unknown', iss);
  }
  t.strictSame([a.asked, b.asked, stranger.asked], [[], [], []]);
});

t.test('while one issuer is down, or hangs, the callers of the other are served', async (t) => {
  const { a, b, token, call, identity, clock } = await started(t);
  a.instead = (_request, response) => Boolean(response.writeHead(503).end());
  await identity.warm();
  t.equal(await call(token(a.url, keyOfA)), 'identity-provider-unavailable:HTTP 503');
  t.equal(await call(token(b.url, keyOfB)), 'robot-17');
  t.match(identity.state(), [
    { alias: 'a', keys: 0, failure: 'HTTP 503' },
    { alias: 'b', keys: 1, failure: null },
  ]);
  const hanging = new Promise<void>((resolve) => {
    a.instead = () => {
      resolve();
      return true;
    };
  });
  clock.advance(5000);
  const waiting = call(token(a.url, keyOfA));
  await hanging;
  t.equal(await call(token(b.url, keyOfB)), 'robot-17');
  clock.advance(5000);
  t.match(await waiting, /^identity-provider-unavailable:/);
});
