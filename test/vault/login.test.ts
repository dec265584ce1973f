import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Secret } from '../../src/mint/secret.ts';
import { startOpenBao } from '../support/openbao.ts';
import { SkippingClock } from './clock.ts';
import { fakeVault, granted, refused, secret } from './fake-vault.ts';
import { openSource, outcome, settingsAt, settingsFor, soon } from './parts.ts';

t.test('a JWT file is read anew at each login', async (t) => {
  const bao = await startOpenBao(t);
  const jwt = await bao.enableJwtLogin('team/jwt');
  const jwtFile = join(t.testdir(), 'token');
  const clock = new SkippingClock();
  const login = { method: 'jwt', mount: jwt.mount, role: jwt.role, jwtFile } as const;
  const { source } = openSource(t, { ...settingsFor(bao), login }, { clock });
  t.equal(await outcome(source.reread(soon(clock))), 'vault-unavailable vault-jwt-file-unreadable');
  await writeFile(jwtFile, ' \n');
  t.equal(await outcome(source.reread(soon(clock))), 'vault-unavailable vault-jwt-file-empty');
  await writeFile(jwtFile, 'not.a.jwt');
  t.equal(await outcome(source.reread(soon(clock))), 'vault-denied vault-login-refused');
  await writeFile(jwtFile, `${await jwt.mintJwt()}\n`);
  clock.skip(5_000);
  t.equal((await source.reread(soon(clock))).version, 1);
});

t.test('a Kubernetes login sends role and JWT to its mount', async (t) => {
  const vault = await fakeVault(t, ({ path }) =>
    path.endsWith('/login') ? granted('k8s-token', 3_600) : secret({ id: 'a', key: 'b' }),
  );
  const jwtFile = join(t.testdir({ token: 'projected\n' }), 'token');
  const login = { method: 'kubernetes', mount: 'clusters/one', role: 'lm broker', jwtFile } as const;
  const { source } = openSource(t, settingsAt(vault.address, { login }));
  await source.reread(soon());
  t.match(vault.calls, [
    {
      method: 'POST',
      path: '/v1/auth/clusters/one/login',
      token: undefined,
      body: { role: 'lm broker', jwt: 'projected' },
    },
    { method: 'GET', path: '/v1/secret/data/lm', token: 'k8s-token' },
  ]);
});

t.test('a given token is used, is denied when it is dead, and is not revoked at the end', async (t) => {
  const bao = await startOpenBao(t);
  const create = await bao.server.api('POST', 'auth/token/create', {
    policies: [bao.brokerPolicy.name],
    ttl: '1h',
  });
  const token = JSON.stringify(create).match(/"client_token":"([^"]+)"/)?.[1] ?? '';
  const clock = new SkippingClock();
  const login = { method: 'token', token: new Secret(token) } as const;
  const first = openSource(t, { ...settingsFor(bao), login }, { clock });
  t.equal((await first.source.reread(soon(clock))).version, 1);
  await first.source.stop();
  await t.resolves(bao.server.api('GET', 'auth/token/lookup-self', undefined, token));

  const { source } = openSource(t, { ...settingsFor(bao), login }, { clock });
  t.equal((await source.reread(soon(clock))).version, 1);
  await bao.revokeBrokerTokens();
  t.equal(await outcome(source.reread(soon(clock))), 'vault-denied vault-denied');
  t.equal(source.state().version, null);
});

t.test('a given token that may not look itself up is used all the same', async (t) => {
  const vault = await fakeVault(t, ({ path }) =>
    path.endsWith('lookup-self') ? refused(403, 'permission denied') : secret({ id: 'a', key: 'b' }),
  );
  const login = { method: 'token', token: new Secret('given') } as const;
  const { source } = openSource(t, settingsAt(vault.address, { login }));
  t.match(await source.reread(soon()), { accessId: 'a' });
});

t.test('a login that Vault refuses is not asked for again at each request', async (t) => {
  const vault = await fakeVault(t, () => refused(400, 'invalid role or secret ID'));
  const clock = new SkippingClock();
  const { source } = openSource(t, settingsAt(vault.address), { clock });
  for (let i = 0; i < 5; i++) {
    t.equal(await outcome(source.reread(soon(clock))), 'vault-denied vault-login-refused');
  }
  t.equal(vault.to('/login').length, 1);
  clock.skip(5_000);
  await outcome(source.reread(soon(clock)));
  clock.skip(5_000);
  await outcome(source.reread(soon(clock)));
  t.equal(vault.to('/login').length, 2, 'the second wait is twice as long');
});
