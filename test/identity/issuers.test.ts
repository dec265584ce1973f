import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { issuersSchema } from '../../src/identity/issuers.ts';

const read = async (dir: string, entry: Record<string, unknown>) => {
  const result = await issuersSchema(dir).safeParseAsync({
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
    const result = await issuersSchema('.').safeParseAsync({ issuers });
    return result.success ? result.data.issuers.length : result.error.issues;
  };
  const entry = (i: number) => ({ alias: `a${i}`, issuer: `https://${i}.example`, audience: 'x' });
  const twenty = Array.from({ length: 20 }, (_, i) => entry(i));
  t.equal(await readAll(twenty), 20);
  t.match(await readAll([...twenty, entry(20)]), [{ path: ['issuers'], message: 'must declare at most 20' }]);
  t.match(await readAll([]), [{ path: ['issuers'], message: 'must declare an issuer' }]);
  const message = 'is that of an entry above';
  const { alias, issuer } = entry(0);
  t.match(await readAll([entry(0), entry(1), { ...entry(2), alias }, { ...entry(3), issuer }]), [
    { path: ['issuers', 2, 'alias'], message },
    { path: ['issuers', 3, 'issuer'], message },
  ]);
  t.equal(await readAll([entry(0), { ...entry(1), issuer: `${issuer}/` }]), 2, 'to the letter');
});
