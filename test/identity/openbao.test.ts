import t from 'tap';
import { createIdentity } from '../../src/identity/identity.ts';
import { Deadline, systemClock } from '../../src/mint/clock.ts';
import { startOpenBao } from '../support/openbao.ts';
import { entryFor } from './issuer.ts';

t.test('a JWT of a real OpenBao names its entity, and one for another audience is refused', async (t) => {
  const { issuer, audience, callers } = await startOpenBao(t);
  const events = { warn: () => {}, info: () => {} };
  const identityFor = (wanted: string) => {
    const entry = entryFor({ url: issuer }, { alias: 'bao', audience: wanted, algorithms: ['ES256'] });
    const identity = createIdentity([entry], { clock: systemClock, events });
    t.teardown(() => identity.close());
    return identity;
  };
  const call = {
    authorization: [`Bearer ${await callers.allowed.mintJwt()}`],
    certificate: null,
    deadline: new Deadline(systemClock, 5000),
  };
  const principal = await identityFor(audience).authenticate(call);
  t.match(principal, { issuer, alias: 'bao', subject: callers.allowed.subject });
  const refusal = await identityFor('another')
    .authenticate(call)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
  t.match(refusal, { problem: 'unauthenticated', extras: { operatorReason: 'audience-wrong' } });
});
