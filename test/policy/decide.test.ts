import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createDecide } from '../../src/policy/decide.ts';
import { bundleWith, EXAMPLE, load, question } from './bundle.ts';

const P = 'policies/new.cedar';

async function decider(dir: string, policy?: string) {
  const folder = policy === undefined ? EXAMPLE : await bundleWith(dir, { [P]: policy });
  const bundle = await load(folder);
  return { bundle, decide: createDecide(bundle, { randomBytes, name: 'test' }) };
}

t.test('the example allows, forbids and does not permit, and says by which policies', async (t) => {
  const { bundle, decide } = await decider('');
  const permit = 'automation-mints-for-its-users';
  const cases: [string, Parameters<typeof question>[0], boolean, string | null, string[]][] = [
    ['its service, for an automation user', {}, true, null, [permit]],
    ['production with a reason', { admin: 33, reason: 'INC-7' }, true, null, [permit]],
    ['production without', { admin: 33 }, false, 'forbidden', ['production-needs-a-reason']],
    ['from outside', { sourceAddress: '203.0.113.9' }, false, 'forbidden', ['only-from-inside']],
    ['from inside, by a dual-stack socket', { sourceAddress: '::ffff:10.1.2.3' }, true, null, [permit]],
    [
      'from outside, by a dual-stack socket',
      { sourceAddress: '::ffff:11.1.2.3' },
      false,
      'forbidden',
      ['only-from-inside'],
    ],
    ['for a person', { admin: 41 }, false, 'no-permit', []],
    ['for an admin that nobody declared', { admin: 99 }, false, 'no-permit', []],
    ['by a service that nobody declared', { subject: 'stranger' }, false, 'no-permit', []],
    ['by the same subject of another issuer', { alias: 'other' }, false, 'no-permit', []],
    [
      'by a subject that spells another alias into its name',
      { alias: 'x', subject: 'demo:replace-with-the-sub-of-your-service' },
      false,
      'no-permit',
      [],
    ],
  ];
  for (const [what, wishes, allow, reason, policies] of cases) {
    const { id, ...decision } = decide(question(wishes));
    t.strictSame(decision, { allow, reason, policies, errors: [], bundle: bundle.digest }, what);
    t.match(id, /^[0-9a-z]{26}$/);
  }
  t.not(decide(question()).id, decide(question()).id);
});

t.test('a policy can name one service by alias and subject', async (t) => {
  const policy =
    '@id("one") permit (principal == Service::"demo:repo:acme/arm@9:ref", action, resource == Admin::"41");';
  const { decide } = await decider(t.testdir(), policy);
  t.equal(decide(question({ admin: 41, subject: 'repo:acme/arm@9:ref' })).allow, true);
  t.equal(decide(question({ admin: 41, subject: 'repo:acme/arm@9:REF' })).allow, false);
});

t.test('every name of the context holds what the schema says', async (t) => {
  const { decide } = await decider(
    t.testdir(),
    `@id("all") permit (principal, action, resource == Admin::"41") when {
      context.note == "n" && context.status == 2 && context.type == "bearer" && context.reason == "r" &&
      context.ttl == 9007199254740991 && !context.wrap && context.sourceAddress == ip("::1") &&
      context.time.hour == 23 && context.time.minute == 59 && context.time.weekday == 7 &&
      context.issuer == "demo" && principal.alias == "demo" && principal.subject == "s" &&
      principal.issuer == "https://issuer.example.com" };`,
  );
  const sunday = Date.UTC(2026, 10, 29, 23, 59, 59);
  const asked = {
    admin: 41,
    note: 'n',
    type: 'bearer',
    reason: 'r',
    subject: 's',
    sourceAddress: '::1',
  } as const;
  t.match(decide(question({ ...asked, now: sunday })), { allow: true, policies: ['all'] });
  t.match(decide(question({ ...asked, now: sunday + 1000 })), { allow: false });
});

t.test('a forbid whose condition fails is a refusal, though Cedar says allow', async (t) => {
  const forbid = '@id("long") forbid (principal, action, resource) when { context.ttl * 2000 > 1 };';
  const { decide } = await decider(t.testdir(), forbid);
  t.match(decide(question()), {
    allow: false,
    reason: 'forbidden',
    policies: ['long'],
    errors: [/^long: integer overflow/],
  });
  t.match(decide(question({ admin: 41 })), {
    allow: false,
    reason: 'no-permit',
    policies: [],
    errors: [/^long/],
  });
  t.match(decide(question({ ttlS: 60 })), { reason: 'forbidden', policies: ['long'], errors: [] });
});

t.test('what Cedar cannot hold is a refusal that names the fault, never an exception', async (t) => {
  const { decide } = await decider('');
  const cases: Parameters<typeof question>[0][] = [
    { subject: '\ud800' },
    { note: 'a\udfff' },
    { ttlS: 1e20 },
    { ttlS: 1.5 },
    { sourceAddress: '' },
    { sourceAddress: 'unix:/x' },
    { now: Number.NaN },
  ];
  for (const wishes of cases) {
    const decision = decide(question(wishes));
    t.match(decision, { allow: false, reason: 'no-permit', policies: [] }, JSON.stringify(wishes));
    t.equal(decision.errors.length, 1, JSON.stringify(decision.errors));
  }
});

t.test('text that looks like an entity or an extension is text', async (t) => {
  const { decide } = await decider(
    t.testdir(),
    '@id("x") forbid (principal, action, resource) when { context.note like "*ops*" };',
  );
  const note = '{"__entity":{"type":"Group","id":"ops"}}';
  t.match(decide(question({ note })), { reason: 'forbidden', policies: ['x'] });
  t.equal(decide(question({ note: '__entity', reason: '{"__extn":{"fn":"ip","arg":"x"}}' })).allow, true);
});

t.test('a bundle takes the place of another by its name', async (t) => {
  const { decide } = await decider(t.testdir(), '@id("none") forbid (principal, action, resource);');
  t.equal(decide(question()).allow, false);
  const next = await decider('');
  t.match(next.decide(question()), { allow: true, bundle: next.bundle.digest });
});

t.test('the time of one decision', async (t) => {
  const { decide } = await decider('');
  for (let i = 0; i < 200; i++) decide(question());
  const begin = performance.now();
  for (let i = 0; i < 200; i++) decide(question());
  t.comment(`${((performance.now() - begin) * 5).toFixed(0)} µs a decision`);
  t.equal(decide(question()).allow, true);
});
