import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import type { Principal, Question } from '../../src/mint/ports.ts';
import { namesMade } from '../../src/policy/decide/prepared.ts';
import { createDecide } from '../../src/policy/decide.ts';
import { bundleWith, EXAMPLE, exampleWith, load, question } from './bundle.ts';

/** What decides by the example, with one more file of policies and more services when they are given. */
async function decider(dir: string, policy?: string, services = '') {
  const bundle = await load(policy === undefined ? EXAMPLE : await exampleAnd(dir, policy, services));
  return { bundle, ...createDecide(bundle, { randomBytes }) };
}

async function exampleAnd(dir: string, policy: string, services: string): Promise<string> {
  return bundleWith(dir, {
    'policies/new.cedar': policy,
    'entities.yaml': await exampleWith('entities.yaml', 'services:\n', `services:\n${services}`),
  });
}

function withPrincipal(asked: Question, principal: Partial<Principal>): Question {
  return { ...asked, principal: { ...asked.principal, ...principal } };
}

/** A rule of a kind that is always Cedar's to evaluate: without it, nothing would be parsed for these questions. */
const COUNTED =
  '@id("counted") forbid (principal, action, resource) when { [context.ttl * 2].contains(120) };';

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
    const { id, input, ...decision } = decide(question(wishes));
    t.strictSame(
      decision,
      { allow, reason, policies, errors: [], obligations: null, bundle: bundle.digest },
      what,
    );
    t.match(id, /^[0-9a-z]{26}$/);
  }
  t.not(decide(question()).id, decide(question()).id);
});

t.test('a policy can name one service by alias and subject', async (t) => {
  const policy =
    '@id("one") permit (principal == Service::"demo:repo:acme/arm@9:ref", action, resource == Admin::"41");';
  const service = '  - {issuer: demo, subject: "repo:acme/arm@9:ref"}\n';
  const { decide } = await decider(t.testdir(), policy, service);
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
      principal.issuer == "https://issuer.example.com" &&
      context has certificate && context.certificate == "spiffe://x/y" };`,
  );
  const sunday = Date.UTC(2026, 10, 29, 23, 59, 59);
  const wishes = { admin: 41, note: 'n', reason: 'r', subject: 's', sourceAddress: '::1', now: sunday };
  const asked = withPrincipal(question({ ...wishes, type: 'bearer' }), { certificate: 'spiffe://x/y' });
  t.match(decide(asked), { allow: true, policies: ['all'] });
  t.match(decide({ ...asked, now: sunday + 1000 }), { allow: false });
  t.match(decide(withPrincipal(asked, { certificate: 'spiffe://x/z' })), { allow: false });
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

t.test('a claim of another type than the declared one refuses, and policies are not asked', async (t) => {
  const everything = '@id("everything") permit (principal, action, resource);';
  const { decide } = await decider(t.testdir(), everything);
  t.equal(decide(question()).allow, true);
  const asked = withPrincipal(question(), { misfitClaims: ['run', 'tags'] });
  t.match(decide(asked), { allow: false, reason: 'claim-type', policies: [], obligations: null });
  t.match(decide(asked).errors, [/`run`/, /`tags`/]);
  t.strictSame(decide(asked).input.misfitClaims, ['run', 'tags']);
});

t.test('a permit that requires a reason allows nothing without one, and is named all the same', async (t) => {
  const { decide } = await decider(
    t.testdir(),
    '@id("with-reason") @require("reason") permit (principal, action, resource == Admin::"41");',
  );
  const obligations = { require: ['reason'], maxTtlS: null, defaultTtlS: null, quotas: [], maxLive: [] };
  const refused = decide(question({ admin: 41 }));
  t.match(refused, { allow: false, reason: 'reason-required', policies: ['with-reason'], errors: [] });
  t.strictSame(refused.obligations, obligations);
  t.match(decide(question({ admin: 41, reason: ' ' })), { allow: false, reason: 'reason-required' });
  const allowed = decide(question({ admin: 41, reason: 'INC-7' }));
  t.match(allowed, { allow: true, reason: null, policies: ['with-reason'] });
  t.strictSame(allowed.obligations, obligations);
  t.match(
    decide(question({ admin: 41, sourceAddress: '203.0.113.9' })),
    { reason: 'forbidden', policies: ['only-from-inside'], obligations: null },
    'a refusal by policies asks for nothing',
  );
});

t.test('what was decided on is told with the decision', async (t) => {
  const { decide } = await decider('');
  const claims = { repository_id: '42', tags: ['a', 'b'] };
  const asked = withPrincipal(question({ admin: 33, ttlS: 60 }), { claims, certificate: 'CN=x' });
  t.strictSame(decide({ ...asked, wrap: true, keyed: true }).input, {
    action: 'mintToken',
    time: '2026-11-25T13:05:00.000Z',
    ttlS: 60,
    wrap: true,
    keyed: true,
    claims,
    misfitClaims: [],
    certificate: 'CN=x',
    teams: ['platform-automation'],
    groups: ['automation-users', 'production'],
  });
  t.match(decide(question({ subject: 'stranger', admin: 99 })).input, { ttlS: null, teams: [], groups: [] });
});

t.test('two that decide at the same time do not disturb each other', async (t) => {
  const dir = t.testdir();
  const one = await decider(join(dir, 'one'), COUNTED);
  const other = await decider(join(dir, 'other'), COUNTED.replace('forbid', 'permit').replace('120', '122'));
  for (const ttlS of [60, 61, 60, 61, 62]) {
    const asked = question({ admin: ttlS === 61 ? 41 : 32, ttlS });
    t.match(one.decide(asked), { allow: ttlS === 62, bundle: one.bundle.digest }, `one, ${ttlS}`);
    t.match(other.decide(asked), { allow: true, bundle: other.bundle.digest }, `other, ${ttlS}`);
  }
  one.retire();
  t.match(other.decide(question({ admin: 41, ttlS: 61 })).policies, ['counted']);
});

t.test('one that was retired still decides rightly', async (t) => {
  const dir = t.testdir();
  const old = await decider(join(dir, 'old'), COUNTED);
  t.match(old.decide(question({ ttlS: 60 })), { allow: false, policies: ['counted'] });
  old.retire();
  const next = await decider(
    join(dir, 'next'),
    '@id("other") forbid (principal, action, resource) when { [context.ttl * 2].contains(122) };',
  );
  t.match(next.decide(question({ ttlS: 61 })), { allow: false, policies: ['other'] });
  for (const ttlS of [60, 61, 62]) {
    t.match(old.decide(question({ ttlS, note: 'late' })), { allow: ttlS !== 60, errors: [] }, `old, ${ttlS}`);
    t.match(
      next.decide(question({ ttlS, note: 'late' })),
      { allow: ttlS !== 61, errors: [] },
      `next, ${ttlS}`,
    );
  }
});

t.test('what Cedar keeps parsed does not grow with the bundles that came and went', async (t) => {
  const bundle = await load(await exampleAnd(t.testdir(), COUNTED, ''));
  const come = () => {
    const one = createDecide(bundle, { randomBytes });
    one.decide(question({ ttlS: 60 }));
    return one;
  };
  const none = namesMade();
  const many = Array.from({ length: 20 }, come);
  const most = namesMade();
  t.ok(most > none, 'each has its own while it lives');
  for (const one of many) one.retire();
  for (let round = 0; round < 100; round++) {
    const one = come();
    one.retire();
    one.decide(question({ ttlS: 62 }));
  }
  t.equal(namesMade(), most);
});
