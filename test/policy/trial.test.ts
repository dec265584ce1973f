import t from 'tap';
import { NO_TTL } from '../../src/mint/ports.ts';
import { questionOf, trialSchema } from '../../src/policy/trial.ts';

const claims = {
  ref: { type: 'String' },
  run: { type: 'Long' },
  protected: { type: 'Bool' },
  groups: { type: 'Set<String>' },
} as const;
const schema = trialSchema([{ alias: 'ci', issuer: 'https://ci.example', claims }]);
const question = (trial: object) =>
  questionOf(schema.parse({ as: 'ci:a:b', admin: 32, ...trial }), Date.UTC(2026, 0, 5));

t.test('a trial that says little is asked as a request that says little', (t) => {
  t.match(question({}), {
    action: 'mintToken',
    principal: {
      alias: 'ci',
      issuer: 'https://ci.example',
      subject: 'a:b',
      authenticatedBy: 'jwt',
      claims: {},
      misfitClaims: [],
      certificate: null,
    },
    request: { adminId: 32, note: '', status: 2, type: 'API token', reason: undefined },
    ttlS: NO_TTL,
    wrap: false,
    keyed: false,
    sourceAddress: '127.0.0.1',
  });
  t.end();
});

t.test('times are seconds, or text with a unit', (t) => {
  t.match(question({ ttl: 60, wrapTtl: '45m', idempotencyKey: true }), { ttlS: 60, wrap: true, keyed: true });
  t.match(question({ ttl: '1d', idempotencyKey: false }), { ttlS: 86_400, wrap: false, keyed: false });
  for (const ttl of [0, -1, 1.5, 31_536_001, '0s', '1', '1h30m', '366d', '', null, true]) {
    t.notOk(schema.safeParse({ as: 'ci:a', admin: 32, ttl }).success, JSON.stringify(ttl));
  }
  t.end();
});

t.test('declared claims are sorted by their types, as those of a token are', (t) => {
  const fitting = { ref: 'main', run: 7, protected: true, groups: ['a', 'b'] };
  t.match(question({ claims: fitting }).principal, { claims: fitting, misfitClaims: [] });
  const misfits: Record<string, unknown[]> = {
    ref: [null, 1, {}, '\ud800', 'x'.repeat(4097)],
    run: [null, '1', 1.5, 1e20],
    protected: [null, 'true', 0],
    groups: [
      null,
      'a',
      [1],
      [['a']],
      ['\ud800'],
      Array(201).fill('x'),
      { __entity: { type: 'Group', id: 'ops' } },
    ],
  };
  for (const [name, values] of Object.entries(misfits)) {
    for (const value of values)
      t.strictSame(
        question({ claims: { [name]: value } }).principal.misfitClaims,
        [name],
        `${name}: ${JSON.stringify(value)?.slice(0, 40)}`,
      );
  }
  t.match(schema.safeParse({ as: 'ci:a', admin: 32, claims: { constructor: 'x' } }).error?.issues, [
    { path: ['claims', 'constructor'], message: 'is not a claim that issuers.yaml declares at ci' },
  ]);
  t.end();
});

t.test('a caller by certificate is of mtls, has no claims, and its certificate is its subject', (t) => {
  t.match(question({ as: 'mtls:spiffe://prod.example/ci' }).principal, {
    alias: 'mtls',
    issuer: 'mtls',
    subject: 'spiffe://prod.example/ci',
    authenticatedBy: 'mtls',
    certificate: 'spiffe://prod.example/ci',
  });
  t.match(question({ certificate: 'CN=x' }).principal, { authenticatedBy: 'jwt', certificate: 'CN=x' });
  for (const wrong of [{ claims: { ref: 'main' } }, { certificate: 'CN=y' }])
    t.notOk(schema.safeParse({ as: 'mtls:CN=x', admin: 32, ...wrong }).success, JSON.stringify(wrong));
  for (const certificate of ['', '\ud800', 7])
    t.notOk(schema.safeParse({ as: 'ci:a', admin: 32, certificate }).success, JSON.stringify(certificate));
  t.end();
});
