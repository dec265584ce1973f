import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Question } from '../../src/mint/ports.ts';
import { type Access, whatCan, whoCan } from '../../src/policy/access.ts';
import { createDecide } from '../../src/policy/decide.ts';
import { membershipsOf } from '../../src/policy/entities.ts';
import { type Policy, parsePolicies } from '../../src/policy/policies.ts';
import { ACTIONS, type Action } from '../../src/policy/question.ts';
import { EXAMPLE, question } from './bundle.ts';
import { policiesText } from './some-policies.ts';

const example = await readFile(join(EXAMPLE, 'schema.cedarschema'), 'utf8');
const schema = example
  .replace('type Claims = {}', 'type Claims = { repo?: String, run?: Long, safe?: Bool, tags?: Set<String> }')
  .replace('action mintToken, revokeToken', 'action writing;\naction mintToken, revokeToken in [writing]');

/** All that the generated policies name is declared, as the loader demands. */
const memberships = membershipsOf({
  teams: ['t1', 't2', 't3'],
  services: [
    { issuer: 'demo', subject: 'a', teams: ['t1'] },
    { issuer: 'demo', subject: 'b', teams: ['t1', 't2'] },
    { issuer: 'demo', subject: 'stranger', teams: [] },
    { issuer: 'other', subject: 'a', teams: ['t3'] },
  ],
  groups: ['g1', 'g2', 'g3'],
  admins: [
    { id: 1, groups: ['g1'] },
    { id: 2, groups: ['g1', 'g2'] },
    { id: 5, groups: [] },
    { id: 7, groups: ['g3'] },
  ],
});

const bundleOf = (policies: readonly Policy[]) => ({ digest: 'd', schema, policies, memberships });

function policiesOf(text: string): Policy[] {
  const { policies, faults } = parsePolicies(new Map([['policies/p.cedar', text]]));
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return policies;
}

interface Asking {
  readonly alias: string;
  readonly subject: string;
  readonly admin: number;
}

/** Every pair of a caller and an admin, those that are not declared too, and what a review says of it. */
function* pairs(bundle: ReturnType<typeof bundleOf>, action: Action): Generator<[Asking, Access]> {
  const callers = [...memberships.teamsOf.keys(), 'demo:nobody', 'mtls:spiffe://x/y', 'demo:a:b'];
  const admins = [...memberships.groupsOf.keys(), 6, 2_147_483_647];
  const whats = new Map(callers.map((caller) => [caller, whatCan(bundle, action, partsOf(caller))]));
  for (const admin of admins) {
    const who = whoCan(bundle, action, admin).callers;
    for (const caller of callers) {
      const what = whats.get(caller)?.admins ?? [];
      const byWho = who.find((row) => row.caller === caller) ?? who.at(-1);
      const byWhat = what.find((row) => row.admin === admin) ?? what.at(-1);
      if (byWho === undefined || byWhat === undefined) throw new Error('a row is missing');
      if (sayOf(byWho) !== sayOf(byWhat)) throw new Error(`${sayOf(byWho)} is not ${sayOf(byWhat)}`);
      yield [{ ...partsOf(caller), admin }, byWho];
    }
  }
}

function partsOf(caller: string) {
  const [alias = '', ...rest] = caller.split(':');
  return { alias, subject: rest.join(':') };
}

function sayOf({ verdict, permits, forbids, obligations }: Access): string {
  return JSON.stringify({ verdict, permits, forbids, obligations });
}

const word = fc.constantFrom('', 'n', 'x', 'INC-7');
/** What a request may hold, whoever asks for whom. */
const requests = fc.record({
  note: word,
  reason: word,
  type: fc.constantFrom('API token', 'bearer'),
  sourceAddress: fc.constantFrom('127.0.0.1', '10.1.2.3', '203.0.113.9', 'fd00::1'),
  ttlS: fc.constantFrom(60, Number.MAX_SAFE_INTEGER),
  wrap: fc.boolean(),
  now: fc.constantFrom(0, Date.UTC(2026, 0, 4, 23, 59), Date.UTC(2026, 0, 5, 10)),
  certificate: fc.constantFrom(null, 'n', 'spiffe://x/y'),
  claims: fc.record(
    {
      repo: word,
      run: fc.constantFrom(-1, 7, Number.MAX_SAFE_INTEGER),
      safe: fc.boolean(),
      tags: fc.uniqueArray(word, { maxLength: 2 }),
    },
    { requiredKeys: [] },
  ),
});
type Request = typeof requests extends fc.Arbitrary<infer R> ? R : never;

function questionOf(asking: Asking, action: Action, { claims, certificate, wrap, ...wishes }: Request) {
  const asked = question({ ...wishes, ...asking });
  const principal = { ...asked.principal, claims, certificate };
  // `as`: callers ask for no other action yet, and policies can be asked about it
  return { ...asked, action, wrap, principal } as Question;
}

t.test('of a bundle without conditions, what is said is what is decided, for every pair', (t) => {
  const seen = new Set<string>();
  const property = fc.property(
    policiesText,
    fc.constantFrom(...ACTIONS),
    requests,
    (text, action, request) => {
      const bundle = bundleOf(policiesOf(text).filter(({ json }) => json.conditions.length === 0));
      const { decide, retire } = createDecide(bundle, { randomBytes });
      for (const [asking, access] of pairs(bundle, action)) {
        const { allow, policies } = decide(questionOf(asking, action, request));
        const owed = access.forbids.length > 0 ? access.forbids : access.permits;
        const said = { verdict: access.verdict, policies: owed.map(({ id }) => id) };
        const expected = { verdict: allow ? 'yes' : 'no', policies };
        if (JSON.stringify(said) !== JSON.stringify(expected)) {
          throw new Error(`said ${JSON.stringify(said)}, decided ${JSON.stringify(expected)}: ${text}`);
        }
        seen.add(access.verdict);
      }
      retire();
    },
  );
  fc.assert(property, { numRuns: 60, seed: 7, endOnFailure: true });
  t.strictSame([...seen].sort(), ['no', 'yes']);
  t.end();
});

t.test(
  'with conditions, `no` never allows, `yes` does unless a permit fails, and whoever has a say is named',
  (t) => {
    const seen = new Map<string, number>();
    const property = fc.property(
      policiesText,
      fc.constantFrom(...ACTIONS),
      fc.array(requests, { minLength: 8, maxLength: 8 }),
      (text, action, asked) => {
        const bundle = bundleOf(policiesOf(text));
        const { decide, retire } = createDecide(bundle, { randomBytes });
        for (const [asking, access] of pairs(bundle, action)) {
          const { verdict, permits, forbids } = access;
          const named = new Set([...permits, ...forbids].map(({ id }) => id));
          const failable = new Set(permits.flatMap(({ id, conditional }) => (conditional ? [id] : [])));
          for (const request of asked) {
            const { allow, policies, errors } = decide(questionOf(asking, action, request));
            const failed = errors.map((error) => error.split(':', 1)[0] ?? '');
            const byFailure = failed.length > 0 && failed.every((id) => failable.has(id));
            const right =
              (verdict !== 'no' || !allow) &&
              (verdict !== 'yes' || allow || byFailure) &&
              policies.every((id) => named.has(id));
            if (!right) {
              throw new Error(`${sayOf(access)} of ${JSON.stringify(asking)}, allowed: ${allow}; ${text}`);
            }
            const kind = `${verdict} ${allow}`;
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
        }
        retire();
      },
    );
    fc.assert(property, { numRuns: 50, seed: 8, endOnFailure: true });
    t.comment(Object.fromEntries(seen));
    for (const kind of ['no false', 'yes true', 'depends true', 'depends false']) t.ok(seen.has(kind), kind);
    t.end();
  },
);

const TWO_TEAMS = `
@id("t1") @require("reason") @max_ttl("8h") permit (principal in Team::"t1", action, resource in Group::"g1");
@id("t2") @max_ttl("1h") permit (principal in Team::"t2", action == Action::"mintToken", resource);
@id("when") @require("wrap") permit (principal, action == Action::"mintToken", resource == Admin::"5") when { context.wrap };
@id("never") forbid (principal == Service::"demo:stranger", action, resource is Admin in Group::"g3");
`;

t.test('who can is listed first, and all callers that are not declared stand last as one', (t) => {
  const bundle = bundleOf(policiesOf(TWO_TEAMS));
  const { callers, ...about } = whoCan(bundle, 'mintToken', 2);
  t.strictSame(about, { action: 'mintToken', admin: 2, groups: ['g1', 'g2'], bundle: 'd' });
  t.strictSame(
    callers.map(({ caller, teams, verdict }) => [caller, teams, verdict]),
    [
      ['demo:a', ['t1'], 'yes'],
      ['demo:b', ['t1', 't2'], 'yes'],
      ['demo:stranger', [], 'no'],
      ['other:a', ['t3'], 'no'],
      [null, [], 'no'],
    ],
  );
  const open = whoCan(bundle, 'mintToken', 5).callers;
  t.strictSame(
    open.map(({ caller, verdict }) => [caller, verdict]),
    [
      ['demo:b', 'yes'],
      ['demo:a', 'depends'],
      ['demo:stranger', 'depends'],
      ['other:a', 'depends'],
      [null, 'depends'],
    ],
  );
  t.end();
});

t.test(
  'the obligations are the strictest of the permits that surely match; others have theirs beside',
  (t) => {
    const bundle = bundleOf(policiesOf(TWO_TEAMS));
    const [, b] = whoCan(bundle, 'mintToken', 2).callers;
    t.match(b, {
      permits: [{ id: 't1' }, { id: 't2' }],
      obligations: { require: ['reason'], maxTtlS: 3600, defaultTtlS: null },
    });
    const [first] = whoCan(bundle, 'mintToken', 5).callers;
    t.match(first, {
      permits: [
        { id: 't2', conditional: false },
        { id: 'when', conditional: true, obligations: { require: ['wrap'] } },
      ],
      obligations: { require: [], maxTtlS: 3600 },
    });
    t.end();
  },
);

t.test('what is refused asks for nothing, and names the forbid beside the permits that it overrules', (t) => {
  const forbid = '@id("stop") forbid (principal in Team::"t1", action, resource);';
  const bundle = bundleOf(policiesOf(`${TWO_TEAMS}${forbid}`));
  const row = whatCan(bundle, 'mintToken', { alias: 'demo', subject: 'a' }).admins.find(
    ({ admin }) => admin === 2,
  );
  t.strictSame(row, {
    admin: 2,
    groups: ['g1', 'g2'],
    verdict: 'no',
    permits: [{ id: 't1', conditional: false, obligations: bundle.policies[0]?.obligations }],
    forbids: [{ id: 'stop', conditional: false }],
    obligations: null,
  });
  t.end();
});

t.test('a permit of one action says nothing of the other', (t) => {
  const bundle = bundleOf(policiesOf(TWO_TEAMS));
  const b = { alias: 'demo', subject: 'b' };
  t.strictSame(
    whatCan(bundle, 'mintToken', b).admins.map(({ admin, verdict }) => [admin, verdict]),
    [
      [1, 'yes'],
      [2, 'yes'],
      [5, 'yes'],
      [7, 'yes'],
      [null, 'yes'],
    ],
  );
  t.strictSame(
    whatCan(bundle, 'revokeToken', b).admins.map(({ admin, verdict }) => [admin, verdict]),
    [
      [1, 'yes'],
      [2, 'yes'],
      [5, 'no'],
      [7, 'no'],
      [null, 'no'],
    ],
  );
  t.end();
});
