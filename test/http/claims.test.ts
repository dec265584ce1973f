import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ecKey, jws, startIssuer } from '../identity/issuer.ts';
import { startStack } from '../support/stack.ts';
import { recordsOf } from './seen.ts';

const key = ecKey({ kid: 'k' });
const issuer = await startIssuer(t);
issuer.keys = [key.jwk];

const CLAIMS = {
  team: 'String',
  level: 'Long',
  n: 'Long',
  ready: 'Bool',
  dept: 'String',
  roles: 'Set<String>',
};
/** Permits by claims alone: an entity reference that came through would be in `dept` of everybody. */
const POLICY = `@id("team-of-the-claim")
permit (principal is Service, action == Action::"mintToken", resource == Admin::"32")
when { context.claims has team && context.claims.team == "sre" };

@id("no-operations")
forbid (principal, action, resource) when { context.claims has dept && context.claims.dept like "*ops*" };
`;

const stack = await startStack(t, {
  before: async (_vault, _simulator, policyDir) => {
    const edit = async (file: string, by: (text: string) => string) =>
      writeFile(join(policyDir, file), by(await readFile(join(policyDir, file), 'utf8')));
    const declared = Object.entries(CLAIMS);
    await edit(
      'issuers.yaml',
      (text) =>
        `${text}  - alias: foreign\n    issuer: ${issuer.url}\n    audience: lmtb\n    claims:\n` +
        declared.map(([name, type]) => `      ${name}: ${type}\n`).join(''),
    );
    await edit('schema.cedarschema', (text) =>
      text.replace(
        /type Claims = \{[^}]*\}/,
        `type Claims = {${declared.map(([name, type]) => ` ${name}?: ${type},`).join('')} }`,
      ),
    );
    await writeFile(join(policyDir, 'policies/claims.cedar'), POLICY);
  },
});

/** A mint with a genuine token of the foreign issuer. */
const mintWith = (claims: Record<string, unknown>, body: object = {}) => {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: issuer.url, aud: 'lmtb', sub: 'robot', iat: now - 5, exp: now + 200, ...claims };
  const jwt = jws({ alg: 'ES256', kid: 'k' }, all, key.privateKey, 'ES256');
  return stack.mint(32, body, { authorization: `Bearer ${jwt}` });
};

t.test('a declared claim reaches policy with its type, and stands in the record', async (t) => {
  const claims = { team: 'sre', level: 3, ready: true, roles: ['a', 'b'] };
  const { status, headers } = await mintWith({ ...claims, amr: ['x'], email: null });
  t.equal(status, 201);
  const [intent] = await recordsOf(stack, headers.get('x-request-id') ?? '');
  t.match(intent, {
    kind: 'intent',
    principal: { alias: 'foreign', issuer: issuer.url, subject: 'robot', authenticatedBy: 'jwt' },
    decision: { allow: true, policies: ['team-of-the-claim'] },
  });
  t.strictSame(
    intent?.kind === 'intent' && { ...intent.decision.input.claims },
    claims,
    'and none that is not declared',
  );
  t.equal((await mintWith({ team: 'web' })).body.reason, 'no-permit');
  t.equal((await mintWith({})).body.reason, 'no-permit');
});

t.test(
  'a declared claim of another type is 403 claim-type with one record and no intent, never 500',
  async (t) => {
    const odd: Record<string, unknown>[] = [
      { team: null },
      { team: 7 },
      { team: ['sre'] },
      { level: 1.5 },
      { level: '3' },
      { n: 1e20 },
      { ready: 'true' },
      { roles: 'a' },
      { roles: ['a', null] },
      { dept: { __entity: { type: 'Group', id: 'production' } } },
      { dept: { __extn: { fn: 'ip', arg: '10.0.0.1' } } },
      { dept: '\ud800' },
    ];
    for (const claims of odd) {
      const [name = ''] = Object.keys(claims);
      const shown = JSON.stringify(claims);
      const { status, headers, body } = await mintWith({ team: 'sre', ...claims });
      t.equal(status, 403, shown);
      t.match(body, { type: '/problems/policy-denied', reason: 'claim-type', decisionId: String }, shown);
      t.match(await recordsOf(stack, headers.get('x-request-id') ?? ''), [
        {
          kind: 'request',
          problem: 'policy-denied',
          reason: 'claim-type',
          decision: { id: body.decisionId, allow: false, policies: [], input: { misfitClaims: [name] } },
        },
      ]);
    }
  },
);

t.test('a subject that cannot be one is 401, and reserved words in text are text', async (t) => {
  t.equal((await mintWith({ sub: '\ud800', team: 'sre' })).status, 401);
  t.equal((await mintWith({ sub: 7, team: 'sre' })).status, 401);
  const { status } = await mintWith({ team: 'sre', sub: '__entity' }, { reason: '__entity', note: '__extn' });
  t.equal(status, 201);
});
