import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { issuersSchema } from '../../src/identity/issuers.ts';
import { readNamedIn } from './issuer.ts';

const read = async (dir: string, entry: Record<string, unknown>) => {
  const result = await issuersSchema(readNamedIn(dir)).safeParseAsync({
    issuers: [{ alias: 'ci', issuer: 'https://issuer.example', audience: 'broker', ...entry }],
  });
  return result.success
    ? result.data.issuers
    : result.error.issues.map(({ path, message }) => `${path.slice(2).join('.')} ${message}`);
};

t.test('an entry of three lines is enough, and the issuer is kept to the letter', async (t) => {
  t.strictSame(await read('.', { issuer: 'https://sts.example/Tenant/' }), [
    {
      alias: 'ci',
      issuer: 'https://sts.example/Tenant/',
      audience: 'broker',
      algorithms: ['RS256', 'ES256'],
      maxTokenAge: 86_400,
      subjectClaim: 'sub',
      tryAllKeys: false,
      claims: {},
      tokenIssuer: 'https://sts.example/Tenant/',
    },
  ]);
  t.match(await read('.', { maxTokenAge: '45m' }), [{ maxTokenAge: 2700 }]);
});

t.test('an entry that would trust more than it says is refused', async (t) => {
  const cases: [Record<string, unknown>, string][] = [
    [{ alias: 'mtls' }, 'alias is reserved'],
    [{ alias: 'a:b' }, 'alias must be a letter'],
    [{ issuer: 'http://issuer.example' }, 'issuer must be https'],
    [{ issuer: 'http://127.0.0.1.evil.example' }, 'issuer must be https'],
    [{ issuer: 'https://u:p@issuer.example' }, 'issuer must not hold credentials'],
    [{ issuer: 'https://issuer.example?x=1' }, 'issuer must not have a query'],
    [{ issuer: 'https://issuer.example#x' }, 'issuer must not have a fragment'],
    [{ issuer: 'kubernetes/serviceaccount' }, 'issuer must be a URL'],
    [{ audience: '' }, 'audience must not be empty'],
    [{ audience: undefined }, 'audience must be text'],
    [{ algorithms: [] }, 'algorithms must name one'],
    [{ algorithms: ['HS256'] }, 'algorithms.0 must be of RS256'],
    [{ algorithms: ['none'] }, 'algorithms.0 must be of RS256'],
    [{ maxTokenAge: 3600 }, 'maxTokenAge must be a time'],
    [{ maxTokenAge: '1.5h' }, 'maxTokenAge must be a whole number'],
    [{ maxTokenAge: '367d' }, 'maxTokenAge must be at most 366d'],
    [{ subjectClaim: '' }, 'subjectClaim must name a claim'],
    [{ subjectClaim: ['sub', 'oid'] }, 'subjectClaim must be text'],
    [{ jwks: 'http://issuer.example/keys' }, 'jwks must be https'],
    [{ jwks: 'file:///keys.json' }, 'jwks must be https'],
    [{ jwks: 'ftp://issuer.example/keys' }, 'jwks must be https'],
    [{ ca: 'missing.pem' }, 'ca must be a file with a certificate'],
    [{ clientId: 'x' }, ' Unrecognized key'],
    [{ issuer: undefined }, 'issuer is missing'],
  ];
  for (const [entry, fault] of cases) {
    const [first] = await read('.', entry);
    t.ok(String(first).startsWith(fault), `${JSON.stringify(entry)}: ${String(first)}`);
  }
});

t.test('a ca file is read from the folder of the bundle, and a key is not a certificate', async (t) => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const dir = t.testdir({ 'key.pem': publicKey.export({ type: 'spki', format: 'pem' }).toString() });
  t.match(await read(dir, { ca: 'key.pem' }), [/^ca must be a file with a certificate/]);
});

t.test('twenty issuers are taken, each under its own alias and URL, and no more', async (t) => {
  const readAll = async (issuers: object[]) => {
    const result = await issuersSchema(readNamedIn('.')).safeParseAsync({ issuers });
    return result.success ? result.data.issuers.length : result.error.issues;
  };
  const entry = (i: number) => ({ alias: `a${i}`, issuer: `https://${i}.example`, audience: 'x' });
  const twenty = Array.from({ length: 20 }, (_, i) => entry(i));
  t.equal(await readAll(twenty), 20);
  t.match(await readAll([...twenty, entry(20)]), [{ path: ['issuers'], message: 'must declare at most 20' }]);
  t.equal(await readAll([]), 0, 'callers may come by certificate alone');
  const message = 'is that of an entry above';
  const { alias, issuer } = entry(0);
  t.match(await readAll([entry(0), entry(1), { ...entry(2), alias }, { ...entry(3), issuer }]), [
    { path: ['issuers', 2, 'alias'], message },
    { path: ['issuers', 3, 'issuer'], message },
  ]);
  t.equal(await readAll([entry(0), { ...entry(1), issuer: `${issuer}/` }]), 2, 'to the letter');
});

t.test('claims are declared by a type, or by a type and the members that lead there', async (t) => {
  const claims = {
    repository_id: 'String',
    namespace: { type: 'String', from: ['kubernetes.io', 'namespace'] },
    constructor: { type: 'Bool' },
    _groups: 'Set<String>',
  };
  t.match(await read('.', { claims }), [
    {
      claims: {
        repository_id: { type: 'String', from: ['repository_id'] },
        namespace: { type: 'String', from: ['kubernetes.io', 'namespace'] },
        constructor: { type: 'Bool', from: ['constructor'] },
        _groups: { type: 'Set<String>', from: ['_groups'] },
      },
    },
  ]);
  const fifty = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, 'Long']));
  t.match(await read('.', { claims: fifty }), [{ alias: 'ci' }]);
  const named = 'must be named by a letter or `_`';
  const typed = 'must be of String, Long, Bool, Set<String>, or `{ type, from }`';
  const faulty: [unknown, string][] = [
    [{ ...fifty, c50: 'Long' }, 'claims must name at most 50 claims'],
    [['repository_id'], 'claims must be a map'],
    ...['', 'a-b', 'kubernetes.io', '7a', 'å', `a${'b'.repeat(64)}`].map((name): [unknown, string] => [
      { [name]: 'Bool' },
      `claims.${name} ${named}`,
    ]),
    ...['__entity', '__extn', '__cedar', 'if', 'in', 'is', 'has', 'like', 'true'].map(
      (name): [unknown, string] => [{ [name]: 'Bool' }, `claims.${name} ${named}`],
    ),
    [{ x: 'Decimal' }, `claims.x ${typed}`],
    [{ x: 'string' }, `claims.x ${typed}`],
    [{ x: null }, `claims.x ${typed}`],
    [{ x: { from: ['y'] } }, `claims.x ${typed}`],
    [{ x: { type: 'Bool', path: ['y'] } }, 'claims.x Unrecognized key: "path"'],
    [{ x: { type: 'Bool', from: 'y' } }, `claims.x ${typed}`],
    [{ x: { type: 'Bool', from: [] } }, 'claims.x.from must name one'],
    [{ x: { type: 'Bool', from: Array(11).fill('y') } }, `claims.x ${typed}`],
    [{ x: { type: 'Bool', from: ['y', ''] } }, 'claims.x.from.1 must not be empty'],
  ];
  for (const [declared, fault] of faulty) {
    const [first] = await read('.', { claims: declared });
    t.ok(String(first).startsWith(fault), `${JSON.stringify(declared).slice(0, 60)}: ${String(first)}`);
  }
});

t.test('keys that mean nothing together are a fault of the entry', async (t) => {
  const keys = 'https://issuer.example/keys';
  const svid = { issuer: undefined, trustDomain: 'plant.example', jwks: keys };
  const cases: [Record<string, unknown>, string][] = [
    [{ issuer: undefined }, 'issuer is missing'],
    [{ audience: [] }, 'audience must be text'],
    [{ typ: 'JOSE' }, 'typ must be `JWT` or `at+jwt`'],
    [{ tryAllKeys: 'yes' }, 'tryAllKeys must be true or false'],
    [{ jwksTokenFile: '/run/token' }, 'jwksTokenFile goes with a URL in `jwks`'],
    [{ jwksTokenFile: '/run/token', jwks: './keys.json' }, 'jwksTokenFile goes with a URL in `jwks`'],
    [{ jwksTokenFile: '', jwks: keys }, 'jwksTokenFile must name a file'],
    [{ ...svid, jwks: undefined }, 'trustDomain goes with `jwks`'],
    [{ ...svid, trustDomain: 'spiffe://plant.example' }, 'trustDomain must be a SPIFFE trust domain'],
    [{ ...svid, trustDomain: 'Plant.example' }, 'trustDomain must be a SPIFFE trust domain'],
    [{ ...svid, subjectClaim: 'spiffe_id' }, 'subjectClaim must be `sub`'],
    [{ ...svid, typ: 'at+jwt' }, 'typ cannot be'],
    [{ ...svid, algorithms: ['ES256', 'EdDSA'] }, 'algorithms cannot hold EdDSA'],
    [{ ...svid, algorithms: ['Ed25519'] }, 'algorithms cannot hold EdDSA'],
  ];
  for (const [entry, fault] of cases) {
    const [first] = await read('.', entry);
    t.ok(String(first).startsWith(fault), `${JSON.stringify(entry)}: ${String(first)}`);
  }
  t.match(await read('.', svid), [{ issuer: 'spiffe://plant.example', tokenIssuer: undefined, jwks: keys }]);
  t.match(await read('.', { ...svid, issuer: 'https://oidc.plant.example', typ: 'JWT' }), [
    { issuer: 'spiffe://plant.example', tokenIssuer: 'https://oidc.plant.example', typ: 'JWT' },
  ]);
  t.match(await read('.', { jwks: keys, jwksTokenFile: 'token', tryAllKeys: true, typ: 'at+jwt' }), [
    { jwksTokenFile: 'token', tryAllKeys: true, typ: 'at+jwt' },
  ]);
});

t.test('a trust domain, and the issuer beside it, are of one entry alone', async (t) => {
  const jwks = 'https://issuer.example/keys';
  const issuer = 'https://oidc.plant.example';
  const trustDomain = 'plant.example';
  const result = await issuersSchema(readNamedIn('.')).safeParseAsync({
    issuers: [
      { alias: 'a', audience: 'x', jwks, trustDomain, issuer },
      { alias: 'b', audience: 'x', jwks, trustDomain },
      { alias: 'c', audience: 'x', issuer },
      { alias: 'd', audience: 'x', jwks, trustDomain: 'depot.example' },
    ],
  });
  t.match(result.error?.issues, [
    { path: ['issuers', 2, 'issuer'] },
    { path: ['issuers', 1, 'trustDomain'] },
  ]);
  t.equal(result.error?.issues.length, 2);
});
