import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Issuer } from '../../src/identity/issuers.ts';
import {
  caller,
  claimsOf,
  ecKey,
  entryFor,
  identityOfAll,
  jws,
  startIssuer,
  type TestIssuer,
} from './issuer.ts';

const key = ecKey({ kid: 'k' });
const TOKEN = 'eyJhbGciOi.first-token_1.c2ln';

/** Notes what each request to an issuer carried as credentials, by path. */
function watch(issuer: TestIssuer): string[] {
  const sent: string[] = [];
  issuer.keys = [key.jwk];
  issuer.instead = ({ url, headers }) => {
    sent.push(`${url} ${headers.authorization}`);
    return false;
  };
  return sent;
}

async function started(
  test: Test,
  entry: (issuer: TestIssuer) => Partial<Issuer> = ({ url }) => ({ jwks: `${url}/keys` }),
) {
  const issuer = await startIssuer(test);
  const sent = watch(issuer);
  const file = join(test.testdir({ token: `\n${TOKEN}\n` }), 'token');
  const parts = identityOfAll(test, [entryFor(issuer, { jwksTokenFile: file, ...entry(issuer) })]);
  return { issuer, sent, file, ...parts };
}

t.test('the token goes to the URL of the entry, and is read again at each fetch', async (t) => {
  const { identity, sent, file, clock, issuer } = await started(t);
  await identity.warm();
  await writeFile(`${file}.new`, 'second-token');
  await rename(`${file}.new`, file);
  await identity.warm();
  t.strictSame(sent, [`/keys Bearer ${TOKEN}`, '/keys Bearer second-token']);
  const jwt = jws({ alg: 'ES256', kid: 'k' }, claimsOf(issuer.url, clock), key.privateKey, 'ES256');
  t.equal(await caller(identity, clock, `Bearer ${jwt}`), 'robot-17');
});

t.test('the token goes to no URL that a document names, nor where a redirect leads', async (t) => {
  const learned = await started(t, () => ({}));
  await learned.identity.warm();
  t.strictSame(
    learned.sent,
    ['/.well-known/openid-configuration undefined', '/keys undefined'],
    'even if an entry could have it without the URL',
  );
  const { identity, issuer, sent } = await started(t);
  const elsewhere = await startIssuer(t);
  const there = watch(elsewhere);
  issuer.instead = ({ url, headers }, response) => {
    sent.push(`${url} ${headers.authorization}`);
    return Boolean(response.writeHead(307, { location: `${elsewhere.url}/keys` }).end());
  };
  await identity.warm();
  t.strictSame([sent, there], [[`/keys Bearer ${TOKEN}`], []]);
  t.match(identity.state(), [{ keys: 0, failure: 'HTTP 307' }]);
});

t.test(
  'a file without a token keeps the request from being made, and what it holds is told nobody',
  async (t) => {
    const { identity, sent, file, told, clock } = await started(t);
    const cases: [string, string][] = [
      ['', 'jwksTokenFile does not hold a bearer token'],
      [' \n', 'jwksTokenFile does not hold a bearer token'],
      ['hush-1\r\nX-Forwarded-For: 127.0.0.1', 'jwksTokenFile does not hold a bearer token'],
      ['hush-2 two', 'jwksTokenFile does not hold a bearer token'],
      ['hush-3é', 'jwksTokenFile does not hold a bearer token'],
      ['h'.repeat(12_289), 'jwksTokenFile does not hold a bearer token'],
    ];
    for (const [content, failure] of cases) {
      await writeFile(file, content);
      await identity.warm();
      t.match(identity.state(), [{ keys: 0, failure }], content.slice(0, 20));
      clock.advance(1);
    }
    await rm(file);
    await identity.warm();
    t.match(identity.state(), [{ failure: 'jwksTokenFile cannot be read (ENOENT)' }]);
    t.strictSame(sent, []);
    t.equal(told.length, cases.length + 1);
    t.notMatch(JSON.stringify([told, identity.state()]), /hush|hhhh/);
    await writeFile(file, 'h'.repeat(12_288));
    await identity.warm();
    t.match(identity.state(), [{ keys: 1, failure: null }], 'and the largest that is taken');
  },
);

t.test('a token that the server refuses is told by its status alone', async (t) => {
  const { identity, issuer, told } = await started(t);
  issuer.instead = ({ headers }, response) => Boolean(response.writeHead(401).end(headers.authorization));
  await identity.warm();
  t.match(identity.state(), [{ keys: 0, failure: 'HTTP 401' }]);
  t.notMatch(JSON.stringify(told), 'first-token');
});
