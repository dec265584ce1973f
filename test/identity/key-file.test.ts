import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { issuersSchema } from '../../src/identity/issuers.ts';
import {
  AUDIENCE,
  caller,
  claimsOf,
  ecKey,
  identityOfAll,
  jws,
  readNamedIn,
  rsaKey,
  startIssuer,
} from './issuer.ts';

const key = ecKey({ kid: 'k' });

const read = (dir: string, entry: Record<string, unknown>) =>
  issuersSchema(readNamedIn(dir)).safeParseAsync({
    issuers: [{ alias: 'ci', audience: AUDIENCE, ...entry }],
  });

t.test('the keys of a file in the bundle’s folder verify, and the issuer is asked for nothing', async (t) => {
  const issuer = await startIssuer(t);
  issuer.keys = [ecKey({ kid: 'new' }).jwk];
  const dir = t.testdir({ 'keys.json': JSON.stringify({ keys: [key.jwk, { kty: 'AKP' }] }) });
  const { issuers } = (await read(dir, { issuer: issuer.url, jwks: './keys.json' })).data ?? {};
  const { identity, clock } = identityOfAll(t, issuers ?? []);
  await identity.warm();
  const call = (kid: string | undefined, signer = key) =>
    caller(
      identity,
      clock,
      `Bearer ${jws({ alg: 'ES256', kid }, claimsOf(issuer.url, clock), signer.privateKey, 'ES256')}`,
    );
  t.equal(await call('k'), 'robot-17');
  t.equal(await call(undefined), 'robot-17');
  t.equal(await call('new'), 'unauthenticated:key-unknown');
  t.equal(await call(undefined, ecKey()), 'unauthenticated:signature-invalid');
  clock.advance(30 * 86_400_000);
  t.equal(await call('k'), 'robot-17', 'keys of a file do not age');
  t.strictSame(identity.state(), [{ alias: 'ci', keys: 1, ageMs: null, failure: null }]);
  t.strictSame(issuer.asked, []);
});

t.test('each entry has the fault of its own file, and no other', async (t) => {
  const entry = (alias: string) => ({
    alias,
    issuer: `https://${alias}.example`,
    audience: 'x',
    jwks: 'none',
  });
  const result = await issuersSchema(readNamedIn(t.testdir())).safeParseAsync({
    issuers: [entry('a'), entry('b')],
  });
  const paths = result.error?.issues.map(({ path }) => path);
  t.strictSame(paths, [
    ['issuers', 0, 'jwks'],
    ['issuers', 1, 'jwks'],
  ]);
});

t.test('a file that is no usable key set is a fault of the entry', async (t) => {
  const dir = t.testdir({ 'keys.json': '', folder: {} });
  const faultOf = async (jwks: string) =>
    (await read(dir, { issuer: 'https://issuer.example', jwks })).error?.issues.map(
      ({ path, message }) => `${path.join('.')} ${message}`,
    );
  const cases: [string, string | Uint8Array, string][] = [
    ['empty', '', 'with JSON'],
    ['PEM', '-----BEGIN PUBLIC KEY-----', 'with JSON'],
    ['a member twice', '{"keys":[],"keys":[]}', 'with JSON'],
    ['a lone key', JSON.stringify(key.jwk), 'with a JWK set of at most 100 keys'],
    [
      'too many keys',
      JSON.stringify({ keys: Array(101).fill(key.jwk) }),
      'with a JWK set of at most 100 keys',
    ],
    ['no key', '{"keys":[]}', 'with a key that can verify RS256 or ES256'],
    [
      'keys for something else',
      JSON.stringify({ keys: [rsaKey({ use: 'enc' }).jwk, ecKey({}, 'P-384').jwk] }),
      'with a key that can verify RS256 or ES256',
    ],
    ['a secret', '{"keys":[{"kty":"oct","k":"AAAA"}]}', 'with a key that can verify RS256 or ES256'],
  ];
  for (const [what, content, fault] of cases) {
    await writeFile(join(dir, 'keys.json'), content);
    t.strictSame(
      await faultOf('keys.json'),
      [
        `issuers.0.jwks must be a file ${fault}${fault === 'with JSON' ? ' in which no member stands twice' : ''}`,
      ],
      what,
    );
  }
  for (const path of ['missing.json', 'folder', '']) {
    t.strictSame(
      await faultOf(path),
      ['issuers.0.jwks must be an https URL, or a file that can be read'],
      path,
    );
  }
});
