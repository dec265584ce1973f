import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { issuersSchema } from '../src/identity/issuers.ts';
import type { AdminId, PrincipalId } from '../src/mint/ids.ts';
import { NO_TTL, type Question } from '../src/mint/ports.ts';
import { createDecide } from '../src/policy/decide.ts';
import { type Bundle, loadBundle } from '../src/policy/load.ts';
import { cedarQuestion } from '../src/policy/question.ts';
import { randomBytes } from '../src/random.ts';
import { type Pair, type Size, writeBundle } from './policy-bundle.ts';

/**
 * What a decision costs, by the size of the bundle, in µs of wall time: `npm run bench:policy`. Each is the median over
 * rounds in which all sizes and all kinds of decision take turns, so that what else the machine does falls on all.
 */
const SIZES: readonly Size[] = [false, true].flatMap((asksCedar) =>
  [10, 100, 1000].flatMap((policies) => [100, 10_000].map((entities) => ({ policies, entities, asksCedar }))),
);
const ROUNDS = 100;
const FIRST_ROUNDS = 60; // left out of the medians: code is compiled, and slices are met for the first time
const BATCH = 40;

let asked = 0;
/** A question that was never asked before: its note, its reason, its address and its minute are all new. */
function newQuestion({ subject, repository, admin }: Pair): Question {
  const number = asked++;
  return {
    action: 'mintToken',
    principal: {
      id: '' as PrincipalId, // brand: nothing here depends on it
      issuer: 'https://ci.example.com',
      alias: 'ci',
      subject,
      authenticatedBy: 'jwt',
      claims: { repository },
      misfitClaims: [],
      certificate: null,
    },
    request: {
      adminId: admin as AdminId, // brand: one of the bundle
      note: `deployment ${number}`,
      status: 2,
      type: 'API token',
      reason: `INC-${number}`,
    },
    ttlS: NO_TTL,
    wrap: false,
    keyed: true,
    sourceAddress: `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`,
    now: Date.UTC(2026, 0, 5) + number * 60_000,
  };
}

/** The comparison: the whole bundle, parsed once, with the schema, and the two entities that matter. */
function createWhole(
  name: string,
  { policies, schema, memberships }: Bundle,
): (question: Question) => boolean {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  preparseSchema(name, schema);
  preparsePolicySet(name, { staticPolicies });
  return (question) => {
    const answer = statefulIsAuthorized({
      ...cedarQuestion(question, memberships),
      preparsedPolicySetId: name,
      preparsedSchemaName: name,
      validateRequest: true,
    });
    return answer.type === 'success' && answer.response.decision === 'allow';
  };
}

async function subjectOf(size: Size) {
  const folder = await mkdtemp(join(tmpdir(), 'bench-policy-'));
  const pairs = await writeBundle(folder, size);
  const bundle = await loadBundle(folder, issuersSchema);
  await rm(folder, { recursive: true });
  const { decide } = createDecide(bundle, { randomBytes });
  const whole = createWhole(`whole ${JSON.stringify(size)}`, bundle);
  const times = { first: [0], remembered: [0], 'new slice': [0], 'whole set': [0] };
  return { size, bundle, pairs, decide, whole, times };
}

/** µs for each of the questions. */
function timed(questions: readonly Question[], ask: (question: Question) => unknown): number {
  const startedAt = performance.now();
  for (const question of questions) ask(question);
  return ((performance.now() - startedAt) * 1_000) / questions.length;
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const subjects = [];
for (const size of SIZES) subjects.push(await subjectOf(size));

for (let round = 0; round < ROUNDS; round++) {
  for (const { bundle, pairs, decide, whole, times } of subjects) {
    const questions = Array.from({ length: BATCH }, (_, index) => {
      const pair = pairs[(round * BATCH + index) % pairs.length];
      if (pair === undefined) throw new Error('the bundle permits nothing');
      return newQuestion(pair);
    });
    const first = timed(questions, decide);
    const remembered = timed(questions, decide);
    const some = questions.slice(0, 5);
    const wholeSet = timed(some, whole);
    for (const question of some) {
      if (!decide(question).allow || !whole(question)) throw new Error(JSON.stringify(decide(question)));
    }
    const fresh = createDecide(bundle, { randomBytes });
    const newSlice = timed(questions.slice(0, 1), fresh.decide);
    fresh.retire();
    if (round < FIRST_ROUNDS) continue;
    times.first.push(first);
    times.remembered.push(remembered);
    times['new slice'].push(newSlice);
    times['whole set'].push(wholeSet);
  }
}

const medians = subjects.map(({ size, times }) => {
  const [first = 0, ...others] = Object.values(times).map((all) => median(all.slice(1)));
  return { size, first, others };
});
console.log(
  'µs a decision, medians. first: of a question that was never asked; remembered: the same one again;',
);
console.log(
  'new slice: the very first, by rules that no question has met; whole set: of all rules, by Cedar.',
);
console.table(
  medians.map(({ size, first, others: [remembered = 0, newSlice = 0, wholeSet = 0] }) => ({
    policies: size.policies,
    entities: size.entities,
    'a rule asks Cedar': size.asksCedar ? 'yes' : 'no',
    first: first.toFixed(1),
    'first, to the smallest': (
      first / (medians.find((one) => one.size.asksCedar === size.asksCedar)?.first ?? 0)
    ).toFixed(2),
    remembered: remembered.toFixed(1),
    'new slice': newSlice.toFixed(0),
    'whole set': wholeSet.toFixed(0),
  })),
);

/** Each target by its strictest reading, for rules of both kinds. */
for (const asksCedar of [false, true]) {
  const of = medians.filter(({ size }) => size.asksCedar === asksCedar);
  const [smallest = Number.NaN, largest = Number.NaN] = [of.at(0)?.first, of.at(-1)?.first];
  const remembered = Math.max(...of.map(({ others: [one = Number.NaN] }) => one));
  const say = (target: string, value: number, limit: number) =>
    console.log(`  ${value <= limit ? 'met    ' : 'not met'} ${target}: ${value.toFixed(2)}`);
  console.log(asksCedar ? 'When a rule asks Cedar:' : 'When no rule asks Cedar:');
  say('first, 10 policies, at most 40 µs', smallest, 40);
  say('first, 1,000 policies and 10,000 entities, at most 1.5 times that', largest / smallest, 1.5);
  say('remembered, everywhere at most 5 µs', remembered, 5);
}
