import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import t from 'tap';
import type { Question } from '../../src/mint/ports.ts';
import { createDecide, type Decided } from '../../src/policy/decide.ts';
import { membershipsOf } from '../../src/policy/entities.ts';
import { parsePolicies } from '../../src/policy/policies.ts';
import { EXAMPLE, question } from './bundle.ts';
import { policiesText } from './some-policies.ts';

const BUNDLES = 500;
const QUESTIONS = 21;

const example = await readFile(join(EXAMPLE, 'schema.cedarschema'), 'utf8');
const schema = example
  .replace('type Claims = {}', 'type Claims = { repo?: String, run?: Long, safe?: Bool, tags?: Set<String> }')
  .replace('action mintToken, revokeToken', 'action writing;\naction mintToken, revokeToken in [writing]');
t.not(schema, example);

const teams = { a: ['t1'], b: ['t1', 't2'], c: [], d: ['t3'] };
const groups = { 1: ['g1'], 2: ['g1', 'g2'], 3: [], 4: ['g3'] };
const memberships = membershipsOf({
  teams: ['t1', 't2', 't3'],
  services: Object.entries(teams).map(([subject, its]) => ({ issuer: 'demo', subject, teams: its })),
  groups: ['g1', 'g2', 'g3'],
  admins: Object.entries(groups).map(([id, its]) => ({ id: Number(id), groups: its })),
});

const word = fc.constantFrom('', 'n', 'x', 'INC-7', 'nn', '*', '🔑n');
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Few values of each kind, so that questions meet again in what policies read. */
const WISHES = {
  subject: fc.constantFrom('a', 'b', 'c', 'd', 'stranger'),
  alias: fc.constantFrom('demo', 'demo', 'demo', 'other'),
  admin: fc.constantFrom(1, 2, 3, 4, 5),
  note: word,
  reason: some(word),
  type: fc.constantFrom('API token', 'bearer'),
  sourceAddress: fc.constantFrom('127.0.0.1', '10.1.2.3', '::ffff:11.1.2.3', '203.0.113.9', 'fd00::1', '::1'),
  ttlS: fc.constantFrom(0, 60, 3600, Number.MAX_SAFE_INTEGER),
  wrap: fc.boolean(),
  certificate: fc.constantFrom(null, 'n', 'spiffe://x/y'),
  now: fc.constantFrom(0, 3_599_000, 3_600_000, Date.UTC(2026, 0, 4, 23, 59), Date.UTC(2026, 0, 5, 10)),
  repo: some(word),
  run: some(fc.constantFrom(-1, 0, 7, Number.MAX_SAFE_INTEGER)),
  safe: some(fc.boolean()),
  tags: some(fc.uniqueArray(word, { maxLength: 2 })),
} as const;
const change = fc.oneof(...Object.entries(WISHES).map(([name, wish]) => fc.record({ [name]: wish })));

/** Questions of which each differs from the one before in one thing, so that nothing can be left out of a key. */
const questions: fc.Arbitrary<Question[]> = fc
  .tuple(fc.record(WISHES), fc.array(change, { minLength: QUESTIONS - 1, maxLength: QUESTIONS - 1 }))
  .map(([first, changes]) => {
    const all = [first];
    for (const one of changes) all.push({ ...(all.at(-1) ?? first), ...one });
    return all.map(({ certificate, reason, wrap, repo, run, safe, tags, ...wishes }) => {
      const asked = question({ ...wishes, ...(reason !== undefined && { reason }) });
      const claims = {
        ...(repo !== undefined && { repo }),
        ...(run !== undefined && { run }),
        ...(safe !== undefined && { safe }),
        ...(tags !== undefined && { tags }),
      };
      return { ...asked, wrap, principal: { ...asked.principal, claims, certificate } };
    });
  });

function parsed(answer: ReturnType<typeof preparseSchema>): void {
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
}
parsed(preparseSchema('whole', schema));

/** The whole bundle through Cedar, with the schema: what a decision means, told without slices or memory. */
function reference({ policies }: Decided): (asked: Question) => unknown {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  parsed(preparsePolicySet('whole', { staticPolicies }));
  return ({ principal, request, ttlS, wrap, sourceAddress, now }) => {
    const { alias, subject, issuer, claims, certificate } = principal;
    const service = { type: 'Service', id: `${alias}:${subject}` };
    const admin = { type: 'Admin', id: `${request.adminId}` };
    const at = new Date(now);
    const inTeams = alias === 'demo' ? (new Map(Object.entries(teams)).get(subject) ?? []) : [];
    const inGroups = new Map(Object.entries(groups)).get(admin.id) ?? [];
    const answer = statefulIsAuthorized({
      principal: service,
      action: { type: 'Action', id: 'mintToken' },
      resource: admin,
      context: {
        note: request.note,
        status: request.status,
        type: request.type,
        ttl: ttlS,
        reason: request.reason ?? '',
        wrap,
        sourceAddress: sourceAddress.replace('::ffff:', ''),
        time: { hour: at.getUTCHours(), minute: at.getUTCMinutes(), weekday: at.getUTCDay() || 7 },
        issuer: alias,
        claims: JSON.parse(JSON.stringify(claims)),
        ...(certificate !== null && { certificate }),
      },
      entities: [
        {
          uid: service,
          attrs: { issuer, alias, subject },
          parents: inTeams.map((id) => ({ type: 'Team', id })),
        },
        { uid: admin, attrs: {}, parents: inGroups.map((id) => ({ type: 'Group', id })) },
      ],
      preparsedPolicySetId: 'whole',
      preparsedSchemaName: 'whole',
      validateRequest: true,
    });
    if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
    const { decision, diagnostics } = answer.response;
    const reasons = diagnostics.reason.sort();
    const failed = [...new Set(diagnostics.errors.map(({ policyId }) => policyId))].sort();
    const allow = decision === 'allow' && failed.length === 0;
    const had = decision === 'allow' ? failed : reasons;
    const refused = had.length > 0 ? 'forbidden' : 'no-permit';
    return { allow, reason: allow ? null : refused, policies: allow ? reasons : had, failed };
  };
}

t.test('what is decided of a slice, and what is remembered, is what the whole bundle says', (t) => {
  const seen = new Map<string, number>();
  let pairs = 0;
  const property = fc.property(policiesText, questions, (text, asked) => {
    const { policies, faults } = parsePolicies(new Map([['policies/p.cedar', text]]));
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
    const bundle = { digest: '', schema, policies, memberships };
    const whole = reference(bundle);
    const { decide, retire } = createDecide(bundle, { randomBytes });
    const plain = (one: Question) => {
      const { allow, reason, policies, errors } = decide(one);
      return { allow, reason, policies, failed: [...new Set(errors.map((text) => text.split(':', 1)[0]))] };
    };
    const first = asked.map(plain);
    const remembered = asked.map(plain);
    retire();
    for (const [index, one] of asked.entries()) {
      const expected = whole(one);
      const said = JSON.stringify(expected);
      for (const [how, got] of [
        ['first', first[index]],
        ['remembered', remembered[index]],
      ]) {
        if (JSON.stringify(got) !== said) {
          throw new Error(`${how}: ${JSON.stringify(got)}\nwhole: ${said}\n${JSON.stringify(one)}\n${text}`);
        }
      }
      pairs++;
      const kind = JSON.stringify(expected)
        .replace(/"policies":\[(.?).*?\]/, '$1')
        .replace(/"failed":\[(.?).*?\]/, '$1');
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
  });
  fc.assert(property, { numRuns: BUNDLES, seed: 6, endOnFailure: false });
  t.equal(pairs, BUNDLES * QUESTIONS);
  t.comment(Object.fromEntries(seen));
  t.end();
});
