import t from 'tap';
import { CallerRates } from '../../src/mint/caller-rates.ts';
import type { Deadline } from '../../src/mint/clock.ts';
import { Endings } from '../../src/mint/end.ts';
import { type Broker, mint, type PolicyInForce } from '../../src/mint/mint.ts';
import { type MintAnswer, type MintCall, NO_TTL, type Question } from '../../src/mint/ports.ts';
import type { DecisionRecord } from '../../src/mint/records.ts';
import { FakeClock, settle } from '../support/clock.ts';
import { allowing, callOf, principal, principalRecord, trailOf } from './call.ts';
import { ACCESS_KEY, adminId, credentialsWith, problem, problemOf } from './parts.ts';

const allowed: DecisionRecord = { ...allowing, policies: ['automation'] };

/** One request through a whole broker of fakes, every call of a part noted in the journal. */
function started(changes: Partial<MintCall> = {}, broker: Partial<Broker & PolicyInForce> = {}) {
  const parts = credentialsWith(new FakeClock());
  const { portal, credentials, clock, events, audit, journal } = parts;
  const answers: MintAnswer[] = [];
  const questions: Question[] = [];
  const counted: string[] = [];
  const call = callOf(clock, {
    readBody: async () => {
      journal.note('read the body');
      return new TextEncoder().encode('{"note":"nightly","reason":"INC-7"}');
    },
    deliver: async (answer) => {
      journal.note('deliver');
      answers.push(answer);
      return 'delivered';
    },
    ...changes,
  });
  const trail = trailOf(call, audit, clock, (cause, { detail }) => counted.push(`${cause}: ${detail}`));
  const endings = new Endings({ portal, credentials, clock, events, tryTimeoutMs: 8_000 });
  const policy: PolicyInForce = {
    authenticate: async () => {
      journal.note('authenticate');
      return principal;
    },
    decide: (question) => {
      journal.note('decide');
      questions.push(question);
      return allowed;
    },
    ...broker,
  };
  const whole: Broker = {
    inForce: () => policy,
    callerRates: new CallerRates({ perSecond: 20, burst: 100 }, clock),
    credentials,
    portal,
    endings,
    clock,
    randomBytes: (count) => new Uint8Array(count),
    ...broker,
  };
  const end = mint(call, trail, whole).then(
    () => 'over',
    (thrown: unknown) => problemOf(thrown),
  );
  return { ...parts, end, endings, trail, answers, questions, counted };
}

const kinds = ({ audit }: ReturnType<typeof started>): string[] =>
  audit.events.filter(({ kind }) => kind !== 'system').map(({ kind }) => kind);

t.test(
  'the way of a mint: each step in its order, each record durable before what depends on it',
  async (t) => {
    const { end, journal, answers, audit, trail } = started();
    t.equal(await end, 'over');
    t.strictSame(
      journal.taken().filter((line) => !line.startsWith('soon system')),
      [
        'authenticate',
        'read the body',
        'decide',
        'findOwner key1',
        'durable intent?',
        'durable intent',
        'sign key1',
        'turn',
        'send key1',
        'durable outcome minted?',
        'durable outcome minted',
        'deliver',
        'soon delivery delivered',
      ],
    );
    const mintId = '0'.repeat(26);
    t.match(answers, [
      {
        id: 501,
        adminId: 32,
        accessId: 'newAccessId',
        note: 'nightly',
        status: 2,
        type: 'API token',
        mintId,
        expiresAt: null,
      },
    ]);
    t.equal(answers[0]?.accessKey.reveal(), ACCESS_KEY);
    const context = {
      requestId: 'request-1',
      traceId: 'f'.repeat(32),
      principal: principalRecord,
      source: { address: '10.1.2.3' },
      mintId,
    };
    for (const kind of ['intent', 'outcome', 'delivery'] as const) t.match(audit.of(kind), [context], kind);
    t.match(audit.of('intent'), [
      {
        adminId: 32,
        credentialVersion: 1,
        decision: allowed,
        requested: { note: 'nightly', reason: 'INC-7' },
      },
    ]);
    t.match(audit.of('outcome'), [
      {
        outcome: 'minted',
        problem: null,
        upstream: { status: 200, durationMs: 30 },
        token: { id: 501, accessId: 'newAccessId' },
      },
    ]);
    t.notMatch(JSON.stringify(audit.events), ACCESS_KEY);
    t.equal(trail.result, 'delivered');
  },
);

t.test('policy is asked about what was validated, in the context of the request', async (t) => {
  const { end, questions, clock } = started();
  await end;
  t.strictSame(questions, [
    {
      action: 'mintToken',
      principal,
      request: { adminId: adminId(32), note: 'nightly', status: 2, type: 'API token', reason: 'INC-7' },
      ttlS: NO_TTL,
      wrap: false,
      keyed: false,
      sourceAddress: '10.1.2.3',
      now: clock.now(),
    },
  ]);
});

t.test(
  'nothing goes to LM while the intent is not durable, and nothing to the caller before the outcome is',
  async (t) => {
    const parts = started();
    const { audit, journal, end } = parts;
    let goOn: () => void = () => {};
    audit.before = () =>
      new Promise((resolve) => {
        goOn = resolve;
      });
    await settle();
    t.equal(journal.lines.at(-1), 'durable intent?');
    t.equal(journal.count('sign') + journal.count('turn') + journal.count('send'), 0);
    goOn();
    await settle();
    t.equal(journal.lines.at(-1), 'durable outcome minted?');
    t.equal(journal.count('deliver'), 0);
    goOn();
    t.equal(await end, 'over');
    t.equal(journal.count('deliver'), 1);
  },
);

t.test('a caller who is not identified is counted, and nothing of the request is read', async (t) => {
  const parts = started({}, { authenticate: () => Promise.reject(problem('unauthenticated')) });
  t.equal(await parts.end, 'unauthenticated');
  t.strictSame(parts.journal.taken(), []);
  t.strictSame(parts.counted, ['unauthenticated: A problem: unauthenticated.']);
  t.equal(parts.trail.result, 'unauthenticated');
});

t.test(
  'what is refused after that, and before an intent, is one request record, and nothing is sent',
  async (t) => {
    const denied: DecisionRecord = { ...allowed, allow: false, reason: 'forbidden', policies: ['no'] };
    const cases: [string, ReturnType<typeof started>, object][] = [
      [
        'unsupported-media-type',
        started({ contentType: 'text/plain' }),
        { adminId: 32, requested: null, decision: null },
      ],
      ['invalid-request', started({ adminId: '0' }), { adminId: null, requested: null, reason: 'path:id' }],
      [
        'payload-too-large',
        started({ readBody: () => Promise.reject(problem('payload-too-large')) }),
        { requested: null },
      ],
      [
        'policy-denied forbidden',
        started({}, { decide: () => denied }),
        { requested: { note: 'nightly' }, decision: denied, reason: 'forbidden' },
      ],
      [
        'internal-error',
        started(
          {},
          {
            decide: () => {
              throw new Error('broken');
            },
          },
        ),
        { decision: null },
      ],
    ];
    for (const [said, parts, record] of cases) {
      t.equal(await parts.end, said);
      t.strictSame(kinds(parts), ['request'], said);
      t.match(parts.audit.of('request'), [
        { outcome: 'refused', problem: said.split(' ')[0], principal: principalRecord, ...record },
      ]);
      t.equal(parts.journal.count('send') + parts.journal.count('durable') + parts.answers.length, 0);
      t.strictSame(parts.counted, []);
    }
  },
);

t.test('a credential that cannot be had costs no intent', async (t) => {
  for (const name of ['vault-unavailable', 'vault-denied', 'credential-misconfigured'] as const) {
    const parts = started();
    parts.source.known = problem(name);
    t.equal(await parts.end, name);
    t.strictSame(kinds(parts), ['request']);
    t.match(parts.audit.of('request'), [{ problem: name, decision: allowed }]);
  }
  const own = started({ adminId: '7' });
  t.equal(await own.end, 'policy-denied own-admin');
  t.match(own.audit.of('request'), [{ problem: 'policy-denied', reason: 'own-admin', decision: allowed }]);
  t.equal(own.journal.count('send'), 0);
});

t.test(
  'an intent that is not durable ends the mint: nothing is sent, and a late one is followed by its outcome',
  async (t) => {
    const parts = started();
    parts.audit.failing.add('intent');
    t.equal(await parts.end, 'audit-unavailable late');
    t.strictSame(kinds(parts), ['request']);
    t.equal(parts.journal.count('sign') + parts.journal.count('send'), 0);
    t.match(parts.audit.late, [
      {
        kind: 'outcome',
        outcome: 'not-sent',
        problem: 'audit-unavailable',
        mintId: '0'.repeat(26),
        token: null,
      },
    ]);
  },
);

t.test('what LM refused is an outcome, durable before the caller is told', async (t) => {
  const parts = started();
  parts.portal.creates = [{ kind: 'refused', status: 404, problem: 'admin-not-found', durationMs: 8 }];
  t.equal(await parts.end, 'admin-not-found http-404');
  t.strictSame(kinds(parts), ['intent', 'outcome']);
  t.match(parts.audit.of('outcome'), [
    {
      outcome: 'refused',
      problem: 'admin-not-found',
      reason: 'http-404',
      token: null,
      upstream: { status: 404, durationMs: 8 },
    },
  ]);
});

t.test(
  'when that outcome is not durable the caller learns that, and no second record is written',
  async (t) => {
    const parts = started();
    parts.portal.creates = [{ kind: 'refused', status: 404, problem: 'admin-not-found', durationMs: 8 }];
    parts.audit.failing.add('outcome');
    t.equal(await parts.end, 'audit-unavailable late');
    t.strictSame(kinds(parts), ['intent']);
  },
);

t.test('what never left is an outcome not-sent', async (t) => {
  const parts = started();
  parts.portal.turns = 0;
  t.equal(await parts.end, 'upstream-rate-limited');
  t.match(parts.audit.of('outcome'), [
    { outcome: 'not-sent', problem: 'upstream-rate-limited', upstream: { status: null } },
  ]);
});

t.test('an ambiguous answer leaves the intent open: no outcome, no request record, no answer', async (t) => {
  const parts = started();
  parts.portal.creates = [{ kind: 'ambiguous', status: 502, reason: 'http-502', durationMs: 8 }];
  t.equal(await parts.end, 'outcome-unknown http-502');
  t.strictSame(kinds(parts), ['intent']);
  t.equal(parts.answers.length, 0);
});

t.test('a signature that fails is a fault of our own, with an outcome, since nothing was sent', async (t) => {
  const parts = started();
  parts.portal.signFault = new Error('no key');
  t.equal(await parts.end, 'internal-error');
  t.equal(parts.journal.count('send'), 0);
  t.strictSame(kinds(parts), ['intent', 'outcome']);
  t.match(parts.audit.of('outcome'), [{ outcome: 'not-sent', problem: 'internal-error', token: null }]);
});

t.test('a token whose outcome is not durable is never handed over, and is ended', async (t) => {
  const parts = started();
  parts.audit.failing.add('outcome');
  t.equal(await parts.end, 'audit-unavailable late');
  t.equal(parts.answers.length, 0);
  t.strictSame(parts.journal.taken().slice(-4), [
    'durable outcome minted?',
    'soon delivery undelivered',
    'remove 32/501 key1',
    'soon end',
  ]);
  t.equal(parts.endings.pending, 0);
  t.equal(parts.trail.result, 'audit-unavailable');
});

t.test('a token whose caller is gone is ended at once, and that is no failure of ours', async (t) => {
  const parts = started({ deliver: async () => 'undelivered' });
  t.equal(await parts.end, 'over');
  t.strictSame(kinds(parts), ['intent', 'outcome', 'delivery', 'end']);
  t.match(parts.audit.of('delivery'), [{ delivery: 'undelivered' }]);
  t.match(parts.audit.of('end'), [{ tokenId: 501, how: 'deleted' }]);
  t.equal(parts.trail.result, 'undelivered');
});

t.test('a token that cannot be ended yet holds nobody up', async (t) => {
  const parts = started({ deliver: async () => 'undelivered' });
  parts.portal.deletes = [{ kind: 'failed', status: 500, reason: 'http-500' }, { kind: 'deleted' }];
  t.equal(await parts.end, 'over');
  t.equal(parts.endings.pending, 1);
  await parts.clock.pass(1_000);
  t.match(parts.audit.of('end'), [{ tries: 2 }]);
});

t.test(
  'whatever a part throws that is no problem reaches the caller as a fault of ours, without its words',
  async (t) => {
    const parts = started({}, { authenticate: () => Promise.reject(new Error(ACCESS_KEY)) });
    t.equal(await parts.end, 'internal-error');
    t.notMatch(JSON.stringify(parts.counted), ACCESS_KEY);
  },
);

t.test('every part is given the deadline of the request', async (t) => {
  const given: Deadline[] = [];
  const { end } = started(
    {},
    {
      authenticate: async ({ deadline }) => {
        given.push(deadline);
        return principal;
      },
    },
  );
  await end;
  t.equal(given[0]?.remainingMs(), 20_000);
});
