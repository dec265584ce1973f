import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createIdentity } from '../../../src/identity/identity.ts';
import { verificationKeys } from '../../../src/identity/keys.ts';
import { Deadline } from '../../../src/mint/clock.ts';
import type { AdminId } from '../../../src/mint/ids.ts';
import { NO_TTL } from '../../../src/mint/ports.ts';
import { Problem } from '../../../src/mint/problems.ts';
import { createDecide } from '../../../src/policy/decide.ts';
import { ecKey, edKey, jws, rsaKey } from '../../identity/issuer.ts';
import { FakeClock } from '../../support/clock.ts';
import { load } from '../bundle.ts';
import type { Token } from './tokens.ts';

export const EXAMPLES = join(import.meta.dirname, '../../../examples/issuers');
const KEYS = { RSA: rsaKey({ kid: 'k' }), EC: ecKey({ kid: 'k' }), OKP: edKey({ kid: 'k' }) };

/**
 * What becomes of a caller of an example's bundle, with a genuine token, a good client certificate or both: its service
 * and `allow`, or why not.
 */
export async function outcomeOf(
  folder: string,
  { token, certificate }: { token?: Token; certificate?: string },
): Promise<string> {
  const bundle = await load(join(EXAMPLES, folder));
  const clock = new FakeClock();
  const [algorithm = 'RS256'] = bundle.issuers[0]?.algorithms ?? [];
  const key = algorithm.startsWith('ES') ? KEYS.EC : algorithm.startsWith('Ed') ? KEYS.OKP : KEYS.RSA;
  const published = bundle.issuers.map(({ jwks: _, ...issuer }) => ({
    ...issuer,
    keys: verificationKeys({ keys: [key.jwk] }, issuer) ?? [],
  }));
  const identity = createIdentity(published, {
    clock,
    events: { info: () => {}, warn: () => {} },
    certificates: { nameOf: () => certificate ?? '' },
  });
  const signed = ({ header, lifeS, nbfS, claims }: Token) => {
    const iat = Math.floor(clock.now() / 1000) - 20;
    const times = { iat, exp: iat + lifeS, ...(nbfS === undefined ? {} : { nbf: iat + nbfS }) };
    return jws({ ...header, alg: algorithm, kid: 'k' }, { ...times, ...claims }, key.privateKey, algorithm);
  };
  try {
    const principal = await identity.authenticate({
      authorization: token === undefined ? [] : [`Bearer ${signed(token)}`],
      certificate: certificate === undefined ? null : { chain: [] },
      deadline: new Deadline(clock, 5_000),
    });
    const decision = createDecide(bundle, { randomBytes }).decide({
      action: 'mintToken',
      principal,
      // brand: the automation user of every example
      request: { adminId: 32 as AdminId, note: '', status: 2, type: 'API token', reason: 'CHG-1' },
      ttlS: NO_TTL,
      wrap: false,
      keyed: false,
      sourceAddress: '10.0.0.1',
      now: clock.now(),
    });
    return decision.allow ? `allow ${principal.alias}:${principal.subject}` : String(decision.reason);
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    return thrown.extras.operatorReason ?? thrown.problem;
  } finally {
    await identity.close();
  }
}
