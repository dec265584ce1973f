import t from 'tap';
import { CallerRates } from '../../src/mint/caller-rates.ts';
import type { PrincipalId } from '../../src/mint/ids.ts';
import { Problem } from '../../src/mint/problems.ts';
import { FakeClock } from '../support/clock.ts';

// brand: any text does here
const caller = (id: string) => ({ id: id as PrincipalId, alias: 'ci', subject: id });

/** Seconds that the caller is told to wait; 0 when it may go on. */
function waitFor(rates: CallerRates, id: string): number | undefined {
  try {
    rates.take(caller(id));
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Problem) || thrown.problem !== 'too-many-requests') throw thrown;
    return thrown.extras.retryAfterS ?? undefined;
  }
}

t.test('a caller may use up its burst at once, and from then on goes on at its rate', async (t) => {
  const clock = new FakeClock();
  const rates = new CallerRates({ perSecond: 2, burst: 3 }, clock);
  const take = () => waitFor(rates, 'a');
  t.strictSame([take(), take(), take(), take()], [0, 0, 0, 0.5]);
  await clock.pass(400);
  t.equal(Number(take()?.toFixed(6)), 0.1, 'what is refused costs nothing');
  await clock.pass(100);
  t.strictSame([take(), take()], [0, 0.5]);
  await clock.pass(60_000);
  t.strictSame([take(), take(), take(), take()], [0, 0, 0, 0.5], 'a pause earns no more than the burst');
});

t.test('one caller’s share is none of another’s', async (t) => {
  const rates = new CallerRates({ perSecond: 1, burst: 1 }, new FakeClock());
  t.equal(waitFor(rates, 'a'), 0);
  t.equal(waitFor(rates, 'a'), 1);
  t.equal(waitFor(rates, 'b'), 0);
});

t.test('who asked longest ago is forgotten first, so that what is kept of callers is bounded', async (t) => {
  const rates = new CallerRates({ perSecond: 1, burst: 1 }, new FakeClock());
  waitFor(rates, 'first');
  waitFor(rates, 'second');
  for (let n = 0; n < 9_998; n++) waitFor(rates, `other ${n}`);
  t.equal(waitFor(rates, 'first'), 1, 'ten thousand are kept');
  waitFor(rates, 'one more');
  t.equal(waitFor(rates, 'first'), 1, 'it has asked since');
  t.equal(waitFor(rates, 'second'), 0, 'it has not');
});
