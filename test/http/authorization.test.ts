import t from 'tap';
import { startStack } from '../support/stack.ts';
import { logLine, recordsOf } from './seen.ts';

const stack = await startStack(t);

t.test(
  'a caller that no policy permits is 403 with a reason and a decision, and is told no policy',
  async (t) => {
    const cases = [
      { name: 'no permit', jwt: stack.otherJwt, admin: 32, reason: 'no-permit', policies: [] },
      {
        name: 'forbidden',
        jwt: stack.callerJwt,
        admin: 33,
        reason: 'forbidden',
        policies: ['production-needs-a-reason'],
      },
      { name: 'a person', jwt: stack.callerJwt, admin: 41, reason: 'no-permit', policies: [] },
      { name: 'nobody', jwt: stack.callerJwt, admin: 2_147_483_647, reason: 'no-permit', policies: [] },
    ];
    for (const { name, jwt, admin, reason, policies } of cases) {
      const { status, headers, text, body } = await stack.mint(admin, {}, { authorization: `Bearer ${jwt}` });
      const { detail, title, ...rest } = body;
      t.equal(status, 403, name);
      t.strictSame(
        rest,
        {
          type: '/problems/policy-denied',
          status,
          instance: `/requests/${body.requestId}`,
          requestId: headers.get('x-request-id'),
          reason,
          decisionId: body.decisionId,
        },
        name,
      );
      t.match(body.decisionId, /^[0-9a-hjkmnp-tv-z]{26}$/, name);
      t.notMatch(text, /production|automation|network|@id|polic(?:y|ies)[-_]?id/i, name);
      const decision = { id: body.decisionId, allow: false, reason, policies, errors: [] };
      t.match(
        await recordsOf(stack, body.requestId),
        [{ kind: 'request', problem: 'policy-denied', reason, adminId: admin, decision }],
        name,
      );
      t.match(
        await logLine(stack, body.requestId),
        { decisionId: body.decisionId, reason, policies: policies.join(' '), admin },
        name,
      );
    }
  },
);

t.test(
  'nobody gets a token of the user that the broker’s own key belongs to, though policy permits it',
  async (t) => {
    const { status, body } = await stack.mint(7);
    t.equal(status, 403);
    t.match(body, { type: '/problems/policy-denied', reason: 'own-admin', decisionId: String });
    t.match(await recordsOf(stack, body.requestId), [
      {
        kind: 'request',
        adminId: 7,
        problem: 'policy-denied',
        reason: 'own-admin',
        decision: { id: body.decisionId, allow: true },
      },
    ]);
    t.notOk(
      stack.simulator.requests().some(({ method }) => method === 'POST'),
      'LogicMonitor hears nothing',
    );
  },
);
