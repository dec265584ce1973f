import t from 'tap';
import { z } from 'zod';
import { Secret } from '../../src/mint/secret.ts';
import { vaultClient } from '../../src/vault/client.ts';
import { isVaultFault } from '../../src/vault/fault.ts';
import type { Login } from '../../src/vault/login.ts';
import { VaultSession } from '../../src/vault/session.ts';
import { openTransport } from '../../src/vault/transport.ts';
import { SkippingClock } from './clock.ts';
import {
  type FakeVault,
  fakeVault,
  granted,
  type Owner,
  type Reply,
  refused,
  type SeenCall,
  secret,
} from './fake-vault.ts';
import { openSource, outcome, recordEvents, rendered, settingsAt, soon } from './parts.ts';

const PAIR = { id: 'a', key: 'b' };
const APPROLE: Login = {
  method: 'approle',
  mount: 'approle',
  roleId: new Secret('r'),
  secretId: new Secret('s'),
};

/** A session on a fake server, and an operation that reads through it. */
function openSession(t: Owner, vault: FakeVault) {
  const clock = new SkippingClock();
  const events = recordEvents();
  const server = { address: vault.address, timeoutMs: 2_000 };
  const transport = openTransport(server, clock);
  const client = vaultClient(server, transport);
  const session = new VaultSession({
    client,
    login: APPROLE,
    clock,
    events,
    random: () => 0,
    timeoutMs: 2_000,
  });
  t.teardown(async () => {
    await session.close();
    await transport.destroy();
  });
  const read = async () => {
    let used: Secret | undefined;
    await session.call((token, deadline) => {
      used = token;
      return client({ path: 'secret/data/lm', token, answer: z.unknown(), deadline });
    }, soon(clock));
    return used?.reveal();
  };
  return { session, clock, events, read };
}

/** Logins give `t1`, `t2` …; everything else is as the test says. */
function issuing(
  other: (call: SeenCall, logins: number) => Reply | undefined | Promise<Reply>,
  seconds = 3_600,
) {
  let logins = 0;
  return (call: SeenCall) =>
    call.path.endsWith('/login') ? granted(`t${++logins}`, seconds) : other(call, logins);
}

t.test('a node that lags behind is asked again with the same token', async (t) => {
  for (const answers of [
    [refused(400, 'cannot write to readonly storage'), refused(403, 'permission denied')],
    [refused(412, 'required index state not present'), refused(403, 'permission denied')],
  ]) {
    const queue = [...answers];
    const vault = await fakeVault(
      t,
      issuing(() => queue.shift() ?? secret(PAIR)),
    );
    const { source } = openSource(t, settingsAt(vault.address));
    const pairs = await Promise.all(Array.from({ length: 50 }, () => source.current(soon())));
    t.equal(new Set(pairs).size, 1);
    t.equal(vault.to('/login').length, 1, 'with one login');
    t.equal(vault.to('/lm').length, 3, 'and one read, shared by all');
  }
});

t.test('a node that goes on lagging is unavailable, not a refusal, and no reason to log in', async (t) => {
  const vault = await fakeVault(
    t,
    issuing(() => refused(412)),
  );
  const { source } = openSource(t, settingsAt(vault.address));
  t.equal(await outcome(source.current(soon())), 'vault-unavailable vault-lagging');
  t.equal(vault.to('/login').length, 1);
});

t.test('all who fail with one token share one login', async (t) => {
  const vault = await fakeVault(
    t,
    issuing(({ token }) => (token === 't1' ? refused(403, 'permission denied') : secret(PAIR))),
  );
  const { read } = openSession(t, vault);
  const tokens = await Promise.all(Array.from({ length: 50 }, read));
  t.strictSame(new Set(tokens), new Set(['t2']));
  t.equal(vault.to('/login').length, 2, 'the first, and one more');
});

t.test('a denial that comes after things worked is worth a login of its own, however soon', async (t) => {
  let denied = true;
  let dead = '';
  const vault = await fakeVault(
    t,
    issuing(({ token }) => (denied || token === dead ? refused(403, 'permission denied') : secret(PAIR))),
  );
  const { read } = openSession(t, vault);
  await t.rejects(read());
  t.equal(vault.to('/login').length, 2);
  denied = false;
  dead = String(await read());
  t.equal(await read(), `t${vault.to('/login').length}`);
  t.equal(vault.to('/login').length, 3, 'the revoked token was replaced at once');
});

t.test('a 403 that a login does not heal causes no login at each request', async (t) => {
  const vault = await fakeVault(
    t,
    issuing(() => refused(403, 'permission denied')),
  );
  const { read, clock } = openSession(t, vault);
  const denied = async () => isVaultFault(await read().catch((thrown: unknown) => thrown), 'denied');
  const all = await Promise.all(Array.from({ length: 50 }, denied));
  t.ok(all.every(Boolean));
  t.equal(vault.to('/login').length, 2);
  t.ok(await denied());
  t.equal(vault.to('/login').length, 2);
  clock.skip(5_000);
  t.ok(await denied());
  t.equal(vault.to('/login').length, 3);
  clock.skip(5_000);
  t.ok(await denied());
  t.equal(vault.to('/login').length, 3, 'the second wait is twice as long');
});

t.test(
  'a token is renewed at two thirds of its life, over network errors, until Vault answers',
  async (t) => {
    let renewals = 0;
    const vault = await fakeVault(
      t,
      issuing(({ path }) => {
        if (!path.endsWith('renew-self')) return secret(PAIR);
        renewals += 1;
        if (renewals === 1) return undefined;
        return renewals === 2 ? refused(503, 'Vault is sealed') : granted('t1', 3_600);
      }),
    );
    const { read, clock, events } = openSession(t, vault);
    t.equal(await read(), 't1');
    clock.skip(2_100_000);
    t.equal(vault.to('renew-self').length, 0, 'not sooner');
    clock.skip(100_000);
    await vault.seen('renew-self', 1);
    await untilTimer(clock, 1_000);
    clock.skip(1_000);
    await vault.seen('renew-self', 2);
    await untilTimer(clock, 2_000);
    clock.skip(2_000);
    await vault.seen('renew-self', 3);
    await untilTimer(clock, 2_200_000);
    clock.skip(2_000_000);
    t.equal(await read(), 't1', 'beyond the end of its first life');
    t.equal(vault.to('/login').length, 1);
    t.equal(events.lines.length, 1, 'the operator is told once');
    t.match(events.lines[0], { level: 'warn', detail: { kind: 'unreachable' } });
    t.notMatch(rendered(events.lines), 't1');
  },
);

/** Waits until the next timer is at most `ms` and more than half of that away. */
async function untilTimer(clock: SkippingClock, ms: number): Promise<void> {
  while (clock.nextTimerMs() > ms || clock.nextTimerMs() < ms / 2) await new Promise(setImmediate);
}

t.test('a late answer to a renewal never overwrites a newer token', async (t) => {
  const late = Promise.withResolvers<Reply>();
  const vault = await fakeVault(
    t,
    issuing(({ path, token }, logins) => {
      if (path.endsWith('renew-self')) return late.promise;
      return token === 't1' && logins === 1 && vault.to('renew-self').length > 0
        ? refused(403, 'no')
        : secret(PAIR);
    }),
  );
  const { read, clock } = openSession(t, vault);
  t.equal(await read(), 't1');
  clock.skip(2_300_000);
  await vault.seen('renew-self', 1);
  t.equal(await read(), 't2', 'the old one was revoked meanwhile');
  late.resolve(granted('t1', 7_200));
  t.equal(await read(), 't2', 'an answer that came after the late one');
  t.equal(await read(), 't2');
  clock.skip(3_700_000);
  t.equal(await read(), 't3', 'nor lends it its life');
});

t.test(
  'a renewal that Vault refuses, or cuts short, is followed by a login while the old token still works',
  async (t) => {
    for (const renewal of [refused(400, 'lease is not renewable'), refused(403, 'permission denied')]) {
      const vault = await fakeVault(
        t,
        issuing(({ path }) => (path.endsWith('renew-self') ? renewal : secret(PAIR))),
      );
      const { read, clock } = openSession(t, vault);
      await read();
      clock.skip(2_300_000);
      await vault.seen('/login', 2);
      await untilTimer(clock, 2_200_000);
      t.equal(await read(), 't2');
    }
    const vault = await fakeVault(
      t,
      issuing(({ path }) => (path.endsWith('renew-self') ? granted('t1', 1_000) : secret(PAIR))),
    );
    const { read, clock } = openSession(t, vault);
    await read();
    clock.skip(2_300_000);
    await vault.seen('renew-self', 1);
    await untilTimer(clock, 601_000);
    t.equal(vault.to('/login').length, 1);
    clock.skip(601_000);
    await vault.seen('/login', 2);
    t.equal(vault.to('renew-self').length, 1, 'near its longest life it is not renewed once more');
  },
);

t.test(
  'a token that cannot be renewed is replaced before its end, and one that ran out at the next call',
  async (t) => {
    let away = false;
    const vault = await fakeVault(t, (call) => {
      if (!call.path.endsWith('/login')) return secret(PAIR);
      return away ? undefined : granted(`t${vault.to('/login').length}`, 100, false);
    });
    const { read, clock } = openSession(t, vault);
    t.equal(await read(), 't1');
    clock.skip(61_000);
    await vault.seen('/login', 2);
    await untilTimer(clock, 61_000);
    t.equal(await read(), 't2');
    t.equal(vault.to('renew-self').length, 0);
    away = true;
    clock.skip(101_000);
    t.ok(isVaultFault(await read().catch((thrown: unknown) => thrown), 'unreachable'));
    away = false;
    t.match(await read(), /^t[3-9]$/);
  },
);

t.test('a life longer than a timer can be does not make a hot loop', async (t) => {
  const vault = await fakeVault(
    t,
    issuing(() => secret(PAIR), 400 * 86_400),
  );
  const { read, clock } = openSession(t, vault);
  await read();
  t.ok(clock.nextTimerMs() > 86_400_000 && clock.nextTimerMs() <= 2_147_483_647);
  t.equal(vault.to('renew-self').length, 0);
});

t.test('close revokes a token whose login was still under way, and logs in no more', async (t) => {
  const login = Promise.withResolvers<Reply>();
  const vault = await fakeVault(t, ({ path }) => (path.endsWith('/login') ? login.promise : { status: 204 }));
  const { read, session } = openSession(t, vault);
  const reading = read().catch((thrown: unknown) => thrown);
  await vault.seen('/login', 1);
  const closing = session.close();
  login.resolve(granted('t1', 60));
  await closing;
  await reading;
  t.match(vault.to('revoke-self'), [{ token: 't1' }]);
  t.ok(isVaultFault(await read().catch((thrown: unknown) => thrown), 'local'));
});
