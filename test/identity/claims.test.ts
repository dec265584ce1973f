import t from 'tap';
import { type ClaimType, claimsOf } from '../../src/identity/claims.ts';
import { Deadline } from '../../src/mint/clock.ts';
import { ecKey, identityOf, jws, startIssuer, claimsOf as tokenClaims } from './issuer.ts';

/** What a claim `x` of this type comes to when the token's JSON holds this text for it. */
const fit = (type: ClaimType, json: string) => {
  const { claims, misfitClaims } = claimsOf({ x: { type, from: ['x'] } }, JSON.parse(`{"x":${json}}`));
  return misfitClaims.length > 0 ? misfitClaims : claims['x'];
};

t.test('a claim is taken when it is of its declared type, as the token has it', (t) => {
  const cases: [ClaimType, string, unknown][] = [
    ['String', '"a\\u0000É😀"', 'a\u0000É😀'],
    ['String', '""', ''],
    ['String', JSON.stringify('x'.repeat(4096)), 'x'.repeat(4096)],
    ['String', '"__entity"', '__entity'],
    ['Long', '17', 17],
    ['Long', '5.0', 5],
    ['Long', '1e3', 1000],
    ['Long', '-0', 0],
    ['Long', '9007199254740991', 9_007_199_254_740_991],
    ['Long', '-9007199254740991', -9_007_199_254_740_991],
    ['Bool', 'false', false],
    ['Set<String>', '[]', []],
    ['Set<String>', '["b","a","a"]', ['b', 'a', 'a']],
    ['Set<String>', JSON.stringify(Array(200).fill('g')), Array(200).fill('g')],
  ];
  for (const [type, json, expected] of cases) t.strictSame(fit(type, json), expected, `${type} ${json}`);
  t.ok(Object.is(fit('Long', '-0'), 0), 'zero has no sign');
  t.end();
});

t.test('a claim of any other type, or too large, is a misfit and has no value', (t) => {
  const object = '{"__entity":{"type":"Group","id":"ops"}}';
  const cases: [ClaimType, string[]][] = [
    [
      'String',
      ['null', '1', 'true', '["a"]', object, '"\\ud800"', '"\\udc00x"', JSON.stringify('x'.repeat(4097))],
    ],
    [
      'Long',
      ['null', '"1"', 'true', '1.5', '1e20', '1e999', '9007199254740992', '-9007199254740992', '[1]', object],
    ],
    ['Bool', ['null', '"true"', '0', '1', '[]', object]],
    [
      'Set<String>',
      [
        ...['null', '"a"', '[1]', '["a",null]', '[["a"]]', '["\\ud800"]', `[${object}]`, object],
        JSON.stringify(Array(201).fill('g')),
        JSON.stringify(['x'.repeat(4097)]),
      ],
    ],
  ];
  for (const [type, texts] of cases) {
    for (const json of texts) t.strictSame(fit(type, json), ['x'], `${type} ${json.slice(0, 40)}`);
  }
  t.end();
});

t.test(
  'a claim that the token lacks is neither there nor a misfit, and one not declared is not there',
  (t) => {
    const declared = { team: { type: 'String', from: ['team'] } } as const;
    t.strictSame(claimsOf(declared, { amr: ['x'], level: 1.5, Team: 'x' }), { claims: {}, misfitClaims: [] });
    t.strictSame(claimsOf({}, { team: 'x' }), { claims: {}, misfitClaims: [] });
    t.end();
  },
);

t.test('what every object inherits is no claim', (t) => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    for (const type of ['String', 'Long', 'Bool', 'Set<String>'] as const) {
      t.strictSame(
        claimsOf({ x: { type, from: [name] } }, { a: 1 }),
        { claims: {}, misfitClaims: [] },
        `${name} as ${type}`,
      );
    }
    t.strictSame(claimsOf({ x: { type: 'String', from: ['a', name] } }, { a: {} }), {
      claims: {},
      misfitClaims: [],
    });
  }
  t.strictSame(
    claimsOf({ constructor: { type: 'String' as const, from: ['constructor'] } }, { constructor: 'own' }),
    {
      claims: { constructor: 'own' },
      misfitClaims: [],
    },
  );
  t.end();
});

t.test('a claim is found by the members that lead to it, of which a dotted name is one', (t) => {
  const token = { 'kubernetes.io': { namespace: 'team-a', pod: { name: 'p' } }, kubernetes: { io: 'x' } };
  const at = (...from: string[]) => claimsOf({ ns: { type: 'String', from } }, token);
  t.strictSame(at('kubernetes.io', 'namespace').claims, { ns: 'team-a' });
  t.strictSame(at('kubernetes.io', 'pod', 'name').claims, { ns: 'p' });
  t.strictSame(at('kubernetes.io', 'node', 'name'), { claims: {}, misfitClaims: [] }, 'absent on the way');
  t.strictSame(at('kubernetes.io/namespace'), { claims: {}, misfitClaims: [] }, 'not a path');
  for (const odd of [null, 'team-a', ['namespace'], 7]) {
    const { misfitClaims } = claimsOf(
      { ns: { type: 'String', from: ['kubernetes.io', 'namespace'] } },
      { 'kubernetes.io': odd },
    );
    t.strictSame(misfitClaims, ['ns'], `below ${JSON.stringify(odd)}`);
  }
  t.strictSame(claimsOf({ first: { type: 'String', from: ['roles', '0'] } }, { roles: ['a'] }).misfitClaims, [
    'first',
  ]);
  t.end();
});

const key = ecKey({ kid: 'k' });

t.test(
  'a caller comes with its declared claims and misfits, also when its token is remembered',
  async (t) => {
    const issuer = await startIssuer(t);
    issuer.keys = [key.jwk];
    const { identity, clock } = identityOf(t, issuer, {
      claims: {
        repository_id: { type: 'String', from: ['repository_id'] },
        protected: { type: 'Bool', from: ['ref_protected'] },
        level: { type: 'Long', from: ['level'] },
        team: { type: 'String', from: ['team'] },
        groups: { type: 'Set<String>', from: ['groups'] },
      },
    });
    const who = (more: Record<string, unknown>) => {
      const jwt = jws(
        { alg: 'ES256', kid: 'k' },
        tokenClaims(issuer.url, clock, more),
        key.privateKey,
        'ES256',
      );
      return () =>
        identity.authenticate({
          authorization: [`Bearer ${jwt}`],
          certificate: null,
          deadline: new Deadline(clock, 5000),
        });
    };
    const asks = who({ repository_id: '99120034', ref_protected: false, level: 1.5, team: null, amr: ['x'] });
    const expected = {
      subject: 'robot-17',
      claims: { repository_id: '99120034', protected: false },
      misfitClaims: ['level', 'team'],
      certificate: null,
    };
    const first = await asks();
    t.match(first, expected);
    t.strictSame(Object.keys(first.claims), ['repository_id', 'protected'], 'and nothing else of the token');
    t.match(await asks(), expected, 'remembered');
    const other = await who({ repository_id: '1', groups: ['ops'] })();
    t.strictSame(other.claims, { repository_id: '1', groups: ['ops'] });
    t.equal(other.id, first.id, 'claims do not change who it is');
  },
);
