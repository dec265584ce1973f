import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { projectFile } from '../../src/project-files.ts';
import { startStack, until, untilStatus } from '../support/stack.ts';

// OpenBao is frozen while the broker starts: Vault takes connections and never answers, and so does the issuer.
const stack = await startStack(t, {
  ready: false,
  settings: { VAULT_TIMEOUT: '300ms', ISSUER_TIMEOUT: '300ms', CREDENTIAL_REREAD: '200ms' },
  before: async (vault) => vault.server.pause(),
});
const { vault, simulator } = stack;
const PARTS = ['policy', 'identity', 'audit', 'credential', 'logicmonitor'];

/** `GET` of the broker's second port. */
async function operators(path: string) {
  const answer = await fetch(`${stack.broker.privateUrl}${path}`);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

t.test(
  'with Vault down at the start the process lives and is unready, and says which part it is',
  async (t) => {
    const alive = await stack.get('/healthz');
    t.equal(alive.status, 200);
    t.strictSame(alive.body, { status: 'alive' });
    const { status, body, headers } = await stack.get('/readyz');
    t.equal(status, 503);
    t.match(body, {
      status: 'unready',
      parts: { credential: 'failed', audit: 'ok', policy: 'ok' },
      openIntents: 0,
    });
    t.equal(headers.get('cache-control'), 'no-store');
    t.match(headers.get('content-type'), /^application\/json/);
    t.equal((await operators('/readyz')).status, 503);
    t.match((await operators('/metrics')).text, /^lmtb_ready 0$/m);
  },
);

t.test('with the issuer down as well a caller is told to come again', async (t) => {
  const { status, body, headers } = await stack.mint(32);
  t.equal(status, 503);
  t.equal(body.type, '/problems/identity-provider-unavailable');
  t.match(headers.get('retry-after'), /^[1-9]/);
});

t.test('it heals by itself when Vault is there', async (t) => {
  vault.server.resume();
  await untilStatus(stack.broker.url, 200);
  await until(async () => (await stack.mint(32)).status === 201, 'a mint');
  await until(async () => (await stack.get('/readyz')).body.status === 'ready', 'every part to be ok');
  const { status, body } = await stack.get('/readyz');
  t.equal(status, 200);
  t.strictSame(body, {
    status: 'ready',
    parts: Object.fromEntries(PARTS.map((part) => [part, 'ok'])),
    openIntents: 0,
    pendingEnds: 0,
  });
});

t.test('reasons are for operators alone, and hold no secret', async (t) => {
  t.notOk('details' in (await stack.get('/readyz')).body);
  const { status, text } = await operators('/readyz');
  t.equal(status, 200);
  t.match(JSON.parse(text), {
    status: 'ready',
    details: {
      audit: { ok: true },
      vault: { ok: true, version: 1, fault: null },
      credential: { version: 1, ownAdminKnown: true, latched: false },
      identity: [{ alias: 'demo', keys: Number, failure: null }],
      inFlight: 0,
    },
  });
  for (const secret of [vault.pair.accessKey, vault.secretId]) t.notOk(text.includes(secret));
});

t.test('with Vault down later it is degraded, still asked for, and still mints', async (t) => {
  await vault.server.pause();
  await until(async () => (await stack.get('/readyz')).body.status === 'degraded', 'it to be degraded');
  const { status, body } = await stack.get('/readyz');
  t.equal(status, 200);
  t.match(body.parts, { credential: 'degraded', audit: 'ok' });
  t.match(JSON.parse((await operators('/readyz')).text).details.vault, {
    ok: false,
    fault: String,
    version: 1,
  });
  t.equal((await stack.mint(32)).status, 201);
  vault.server.resume();
  await until(async () => (await stack.get('/readyz')).body.status === 'ready', 'it to be ready again');
});

t.test('with a key that LogicMonitor rejects it is degraded, and names the part', async (t) => {
  simulator.removeKey(vault.pair.accessId);
  const { status, body } = await stack.mint(32);
  t.equal(status, 502);
  t.equal(body.type, '/problems/upstream-credential-rejected');
  const ready = await stack.get('/readyz');
  t.equal(ready.status, 200);
  t.match(ready.body, { status: 'degraded', parts: { logicmonitor: 'failed', credential: 'ok' } });
  t.match((await operators('/metrics')).text, /^lmtb_credential_latched 1$/m);
});

t.test('metrics are on the private port alone, and name no caller, admin or secret', async (t) => {
  t.equal((await stack.get('/metrics')).status, 404);
  const { status, headers, text } = await operators('/metrics');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  t.match(text, /^lmtb_mint_requests_total\{outcome="delivered"\} [1-9]/m);
  t.match(text, /^lmtb_mint_requests_total\{outcome="upstream-credential-rejected"\} 1$/m);
  t.match(text, /^lmtb_mint_duration_seconds_count [1-9]/m);
  t.match(text, /^lmtb_ready 1$/m);
  t.match(text, /^lmtb_build_info\{version="[0-9.]+"\} 1$/m);
  for (const word of [vault.callers.allowed.subject, vault.pair.accessId, vault.pair.accessKey])
    t.notOk(text.includes(word));
});

t.test('the document is served to everybody and is the one that is checked in', async (t) => {
  const { status, headers, body } = await stack.get('/openapi.json');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^application\/json/);
  t.strictSame(body, parse(readFileSync(projectFile('openapi/openapi.yaml'), 'utf8')));
});

t.test('the rendered reference is on the private port alone, with all that its page loads', async (t) => {
  t.equal((await stack.get('/docs')).status, 404);
  for (const page of ['/docs', '/docs/']) {
    const { status, headers, text } = await operators(page);
    t.equal(status, 200);
    t.match(headers.get('content-type'), /^text\/html/);
    t.match(headers.get('content-security-policy'), /default-src 'self'/);
    const loads = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    t.ok(loads.length >= 4);
    for (const path of loads) {
      const { pathname, origin } = new URL(path, `${stack.broker.privateUrl}${page}`);
      t.equal(origin, stack.broker.privateUrl, `${path} is from this server`);
      t.equal((await operators(pathname)).status, 200, path);
    }
  }
  t.match(JSON.parse((await operators('/docs/json')).text), {
    openapi: '3.1.0',
    paths: { '/admins/{id}/tokens': {} },
  });
});

t.test('with PRIVATE_LISTEN=off there is no second port, and the first serves nothing of it', async (t) => {
  await stack.broker.stop();
  await stack.restart({ PRIVATE_LISTEN: 'off' });
  t.equal(stack.broker.privateUrl, undefined);
  for (const path of ['/metrics', '/docs', '/docs/json']) t.equal((await stack.get(path)).status, 404);
  t.equal((await stack.get('/healthz')).status, 200);
  const listening = (await stack.log()).split('\n').filter((line) => line.includes('"listening"'));
  t.notOk(listening.at(-1)?.includes('privateUrl'));
});
