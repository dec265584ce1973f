import t from 'tap';
import { Deadline, systemClock } from '../../src/mint/clock.ts';
import { FakeClock } from '../support/clock.ts';

t.test('a deadline counts down to nothing and never below', async (t) => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 1_000);
  t.equal(deadline.remainingMs(), 1_000);
  await clock.pass(400);
  t.equal(deadline.remainingMs(), 600);
  await clock.pass(5_000);
  t.equal(deadline.remainingMs(), 0);
});

t.test('a deadline within another is the earlier of the two', async (t) => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 1_000);
  t.equal(deadline.within(300).remainingMs(), 300);
  t.equal(deadline.within(5_000).remainingMs(), 1_000);
  await clock.pass(2_000);
  t.equal(deadline.within(300).remainingMs(), 0);
});

t.test('a wall clock that is set back or forth moves no deadline', async (t) => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 1_000);
  clock.step(-3_600_000);
  t.equal(deadline.remainingMs(), 1_000);
  clock.step(7_200_000);
  t.equal(deadline.remainingMs(), 1_000);
});

t.test(
  'the system clock tells epoch milliseconds, and a timer that is called off does not run',
  async (t) => {
    t.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
    const before = systemClock.monotonic();
    const ran: string[] = [];
    const callOff = systemClock.after(1, () => ran.push('called off'));
    callOff();
    const keepAlive = setInterval(() => {}, 1_000);
    await new Promise<void>((resolve) => {
      systemClock.after(5, () => {
        ran.push('later');
        resolve();
      });
    });
    clearInterval(keepAlive);
    t.strictSame(ran, ['later']);
    t.ok(systemClock.monotonic() > before);
  },
);
