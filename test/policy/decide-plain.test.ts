import { randomBytes } from 'node:crypto';
import {
  type Context,
  type PolicyJson,
  policyToJson,
  preparsePolicySet,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import t from 'tap';
import { plainAddress } from '../../src/mint/address.ts';
import { rangeTest } from '../../src/policy/decide/address-tests.ts';
import { likeTest } from '../../src/policy/decide/like.ts';
import { plainly, Unsure } from '../../src/policy/decide/plain.ts';
import { readingOf } from '../../src/policy/decide/reads.ts';
import { createDecide } from '../../src/policy/decide.ts';
import { bundleWith, load, question } from './bundle.ts';

const nobody = { teamsOf: new Map(), groupsOf: new Map() };

function parsed(condition: string): PolicyJson {
  const answer = policyToJson(`permit (principal, action, resource) when { ${condition} };`);
  if (answer.type === 'failure') throw new Error(`${condition}: ${answer.errors[0]?.message}`);
  return answer.json;
}

/** What Cedar says of conditions by their texts, in one context; false too for one that fails. */
function byCedar(conditions: readonly string[], context: Context): boolean[] {
  const staticPolicies = Object.fromEntries(conditions.map((text, index) => [`p${index}`, parsed(text)]));
  preparsePolicySet('plain', { staticPolicies });
  const answer = statefulIsAuthorized({
    principal: { type: 'Service', id: '' },
    action: { type: 'Action', id: 'mintToken' },
    resource: { type: 'Admin', id: '1' },
    context,
    entities: [],
    preparsedPolicySetId: 'plain',
  });
  if (answer.type === 'failure') throw new Error(answer.errors[0]?.message);
  const matching = new Set(answer.response.diagnostics.reason);
  return conditions.map((_, index) => matching.has(`p${index}`));
}

t.test('a text is like a pattern when Cedar says so', (t) => {
  const letter = fc.constantFrom('a', 'a', 'a', 'a', 'b', 'b', '*', '\\', '"', '🔑');
  const text = fc.array(letter, { maxLength: 7 }).map((letters) => letters.join(''));
  const element = fc.oneof(
    fc.constant<'Wildcard'>('Wildcard'),
    letter.map((Literal) => ({ Literal })),
  );
  const patterns = fc.array(fc.array(element, { maxLength: 6 }), { minLength: 40, maxLength: 40 });
  let like = 0;
  fc.assert(
    fc.property(patterns, text, (all, note) => {
      const escaped = (piece: string) => JSON.stringify(piece).slice(1, -1).replaceAll('*', '\\*');
      const condition = (pattern: (typeof all)[number]) =>
        `context.note like "${pattern.map((one) => (one === 'Wildcard' ? '*' : escaped(one.Literal))).join('')}"`;
      const expected = byCedar(all.map(condition), { note });
      for (const [index, pattern] of all.entries()) {
        if (likeTest(pattern)(note) !== expected[index])
          throw new Error(`${note}: ${JSON.stringify(pattern)}`);
        if (expected[index]) like++;
      }
    }),
    { numRuns: 60, seed: 1 },
  );
  t.ok(like > 250, `${like} were like it`);
  t.end();
});

t.test('an address is in a range when Cedar says so', (t) => {
  const octet = fc.constantFrom(0, 1, 9, 10, 11, 127, 128, 192, 255);
  const v4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
  const group = fc.constantFrom('0', '1', 'a', 'fd00', 'fe80', 'ffff', '7fff');
  const v6 = fc.tuple(group, group, group).map(([first, middle, last]) => `${first}:${middle}::${last}`);
  const address = fc.oneof(v4, v6, fc.constantFrom('::1', '::', '::ffff:10.1.2.3', '64:ff9b::1', '::a:1'));
  const within = (bits: number) => fc.integer({ min: 0, max: bits });
  const range = fc.oneof(
    fc.tuple(v4, within(32)).map(([network, bits]) => `${network}/${bits}`),
    fc.tuple(v6, within(128)).map(([network, bits]) => `${network}/${bits}`),
    v4,
    v6,
    fc.constantFrom('::/0', '0.0.0.0/0', '::ffff:0:0/96', '::/96'),
  );
  let inside = 0;
  fc.assert(
    fc.property(fc.array(range, { minLength: 40, maxLength: 40 }), address, (ranges, given) => {
      const arg = plainAddress(given);
      const conditions = ranges.map((one) => `context.a.isInRange(ip("${one}"))`);
      const expected = byCedar(conditions, { a: { __extn: { fn: 'ip', arg } } });
      for (const [index, one] of ranges.entries()) {
        if (rangeTest(one)?.(arg) !== expected[index]) throw new Error(`${arg}: ${one}`);
        if (expected[index]) inside++;
      }
    }),
    { numRuns: 60, seed: 2 },
  );
  t.ok(inside > 100, `${inside} were in it`);
  t.equal(rangeTest('::ffff:10.0.0.0/104'), undefined, 'a range of IPv4 within IPv6 is left to Cedar');
  t.end();
});

t.test('values compare and add up as Cedar says', (t) => {
  const numbers = [-1, 0, 1, 59, 60, 61, Number.MAX_SAFE_INTEGER];
  const conditions = ['==', '!=', '<', '<=', '>', '>='].flatMap((how) =>
    ['context.ttl', 'context.ttl + 1', 'context.ttl - 61', 'context.ttl * 2', '[context.ttl, 1]'].flatMap(
      (left) => numbers.map((number) => `${left} ${how} ${number}`),
    ),
  );
  conditions.push(...numbers.map((number) => `[60, ${number}].contains(context.ttl)`));
  let told = 0;
  for (const ttlS of numbers.filter((number) => number >= 0)) {
    const expected = byCedar(conditions, { 'context.ttl': ttlS, ttl: ttlS });
    for (const [index, condition] of conditions.entries()) {
      const reading = readingOf(parsed(condition).conditions);
      const holds = reading && plainly(reading, nobody);
      try {
        const got = holds?.(question({ ttlS }));
        if (got === undefined) continue;
        told++;
        if (got !== expected[index]) t.fail(`${condition} for ${ttlS}`);
      } catch (error) {
        t.ok(error instanceof Unsure && ttlS === Number.MAX_SAFE_INTEGER, `${condition} for ${ttlS}`);
      }
    }
  }
  t.ok(told > 800, `${told} were told`);
  t.end();
});

t.test('what is plain is told without Cedar, and nothing else is', (t) => {
  const holds = (condition: string) => {
    const reading = readingOf(parsed(condition).conditions);
    return reading && plainly(reading, nobody);
  };
  for (const condition of [
    'context.reason == "r" && context.note != "x"',
    'context.time.hour * 60 + context.time.minute >= 785',
    '[1, 2, 3].contains(context.time.weekday)',
    'context.sourceAddress.isLoopback() || context.sourceAddress.isInRange(ip("10.0.0.0/8"))',
    'context.claims has repo && context.claims.repo like "acme/*" || principal.alias == "demo"',
    'principal == Service::"demo:s" || resource in [Group::"g", Admin::"32"]',
    'if context.wrap then false else !(context.ttl < 60)',
  ]) {
    t.equal(holds(condition)?.(question({ reason: 'r' })), true, condition);
    t.equal(typeof holds(condition), 'function', condition);
  }
  for (const condition of [
    'context == {note: "n"}',
    'context.time == {hour: 1, minute: 2, weekday: 3}',
    'principal == [Service::"demo:s"]',
    'Admin::"32" in Group::"g"',
    'action in [Action::"mintToken"]',
    'context.sourceAddress == ip("10.0.0.0")',
    'decimal("1.0").lessThan(decimal("2.0"))',
    'context["time.hour"] == 13',
    '[context.note].containsAny(["n"])',
  ]) {
    t.equal(holds(condition), undefined, condition);
  }
  for (const condition of [
    'context.claims.repo == "a"',
    'context.note == 1',
    'context.ttl * 2 > 1',
    '[1].contains(context.note)',
    'context.note && true',
  ]) {
    t.throws(() => holds(condition)?.(question({ note: 'n' })), `${condition} is left to Cedar`);
  }
  t.end();
});

t.test('what one set of rules said of a question is not taken for what another says', async (t) => {
  const rule = (id: string, scope: string, word: string) =>
    `@id("${id}") permit (principal, action, resource == Admin::"${scope}") when { [context.note].containsAny(["${word}"]) };`;
  const folder = await bundleWith(t.testdir(), {
    'policies/new.cedar': `${rule('a', '32', 'x')} ${rule('b', '41', 'y')}`,
  });
  const { decide, retire } = createDecide(await load(folder), { randomBytes });
  const permits = (admin: number, note: string) => decide(question({ admin, note })).policies;
  for (let round = 0; round < 2; round++) {
    t.strictSame(permits(41, 'x'), []);
    t.strictSame(permits(32, 'x'), ['a', 'automation-mints-for-its-users']);
    t.strictSame(permits(32, 'y'), ['automation-mints-for-its-users']);
    t.strictSame(permits(41, 'y'), ['b']);
  }
  retire();
});
