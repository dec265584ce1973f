import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { z } from 'zod';
import { startGate } from '../support/gate.ts';
import { randomPair } from '../support/openbao.ts';
import { isProblem } from '../support/problem.ts';
import { type Answer, type Stack, startStack, until, untilStatus } from '../support/stack.ts';

const SHORT = {
  VAULT_TIMEOUT: '400ms',
  CREDENTIAL_REREAD: '300ms',
  CREDENTIAL_MAX_STALE: '1500ms',
  LOG_LEVEL: 'debug',
};
const LOGIN = 'POST /v1/auth/approle/login';
/** What Vault answers when it made a token. */
const Made = z.object({ auth: z.object({ client_token: z.string() }) });

/** Mints until the answer is not a 201 any more; gives that answer. */
async function untilRefused(stack: Stack): Promise<Answer> {
  let answer = await stack.mint(32);
  await until(async () => {
    answer = await stack.mint(32);
    return answer.status !== 201;
  }, 'a refusal');
  return answer;
}

/** Mints follow one another faster than LogicMonitor’s window would let them. */
const UNLIMITED = { settings: { limits: 'off' } } as const;

async function untilHealed(stack: Stack): Promise<void> {
  await until(async () => (await stack.mint(32)).status === 201, 'mints to work again');
}

/** What was recorded of a request that reached no intent. */
async function requestRecord(stack: Stack, answer: Answer) {
  const id = answer.headers.get('x-request-id');
  const find = async () =>
    (await stack.records()).filter((record) => 'requestId' in record && record.requestId === id);
  await until(async () => (await find()).length > 0, 'the record of the refusal');
  return find();
}

t.test('A broker whose Vault is away starts, says so, and heals', async (t) => {
  const stack = await startStack(t, { settings: SHORT, ready: false, simulator: UNLIMITED });
  await untilStatus(stack.broker.url, 200);
  await stack.broker.stop();
  const gate = await startGate(t, Number(new URL(stack.vault.server.address).port));
  await gate.shut();
  await stack.restart({ VAULT_ADDR: gate.url });

  t.match(await stack.get('/readyz'), {
    status: 503,
    body: { status: 'unready', parts: { credential: 'failed' } },
  });
  t.equal((await stack.get('/healthz')).status, 200, 'it lives');
  const answer = await stack.mint(32);
  isProblem(t, answer, 'vault-unavailable');
  t.match(await requestRecord(stack, answer), [
    { kind: 'request', outcome: 'refused', problem: 'vault-unavailable' },
  ]);
  t.equal(stack.simulator.requests().filter(({ method }) => method === 'POST').length, 0, 'LM was not asked');
  await gate.open();
  await untilStatus(stack.broker.url, 200);
  await untilHealed(stack);

  await t.test('down later: the pair in memory serves, but not for longer than it may', async (t) => {
    await gate.shut();
    await until(
      async () => (await stack.get('/readyz')).body.parts.credential === 'degraded',
      'the outage to be noticed',
    );
    t.equal((await stack.mint(32)).status, 201, 'served from memory');
    const refused = await untilRefused(stack);
    isProblem(t, refused, 'vault-unavailable');
    t.match(await stack.get('/readyz'), { status: 200, body: { status: 'degraded' } });
    const posts = stack.simulator.requests().length;
    isProblem(t, await stack.mint(32), 'vault-unavailable');
    t.equal(stack.simulator.requests().length, posts, 'LM is not asked');
    await gate.open();
    await untilHealed(stack);
  });

  await t.test('a token that was revoked costs one fresh login, however many wait', async (t) => {
    const before = gate.requests.filter((line) => line === LOGIN).length;
    await stack.vault.revokeBrokerTokens();
    const logins = () => gate.requests.filter((line) => line === LOGIN).length - before;
    const answers: Answer[] = [];
    await until(async () => {
      answers.push(...(await Promise.all([1, 2, 3, 4].map(() => stack.mint(32)))));
      return logins() > 0;
    }, 'a login');
    await until(async () => (await stack.get('/readyz')).body.parts.credential === 'ok', 'a good read');
    answers.push(await stack.mint(32));
    t.ok(
      answers.every(({ status }) => status === 201),
      'no mint failed meanwhile',
    );
    t.equal(logins(), 1);
  });

  await t.test('a right that is lost is vault-denied at once, and heals when it is given back', async (t) => {
    const before = gate.requests.filter((line) => line === LOGIN).length;
    await stack.vault.brokerPolicy.set('');
    const refused = await untilRefused(stack);
    isProblem(t, refused, 'vault-denied');
    t.match(await requestRecord(stack, refused), [
      { kind: 'request', problem: 'vault-denied', reason: /^vault-/ },
    ]);
    isProblem(t, await stack.mint(32), 'vault-denied');
    t.equal(gate.requests.filter((line) => line === LOGIN).length - before, 1, 'one fresh login was tried');
    t.match(await stack.get('/readyz'), { status: 200, body: { parts: { credential: 'degraded' } } });
    await stack.vault.brokerPolicy.restore();
    await untilHealed(stack);
  });

  await t.test('a secret id that is destroyed with the token pulls the plug', async (t) => {
    await stack.vault.refuseLogin();
    await stack.vault.revokeBrokerTokens();
    const refused = await untilRefused(stack);
    isProblem(t, refused, 'vault-denied');
    t.match(await requestRecord(stack, refused), [
      { kind: 'request', reason: /^vault-(login-refused|denied)$/ },
    ]);
  });

  const log = await stack.log();
  t.notOk(log.includes(stack.vault.secretId), 'the secret id is in no line of the log');
  t.notOk(log.includes(stack.vault.pair.accessKey), 'nor is the access key');
});

t.test('Vault says that the secret is not there, or not what it should be', async (t) => {
  const stack = await startStack(t, {
    settings: { ...SHORT, CREDENTIAL_MAX_STALE: '1h' },
    simulator: UNLIMITED,
  });
  const { vault, simulator } = stack;
  const refusedFor = async (reason: string) => {
    const refused = await untilRefused(stack);
    isProblem(t, refused, 'credential-misconfigured');
    t.match(
      await requestRecord(stack, refused),
      [{ kind: 'request', outcome: 'refused', problem: 'credential-misconfigured', reason }],
      reason,
    );
    const before = simulator.state().requests;
    isProblem(t, await stack.mint(32), 'credential-misconfigured');
    t.equal(simulator.state().requests, before, `${reason}: LM is not asked`);
    t.equal((await stack.get('/readyz')).status, 200, `${reason}: ready, since elsewhere it is no better`);
  };

  const version = await vault.kv.write(vault.pair);
  await untilHealed(stack);
  await vault.kv.deleteNewest();
  await refusedFor('version-deleted');
  await vault.kv.undelete(version);
  await untilHealed(stack);

  const { accessId, accessKey } = vault.kv.fields;
  for (const [fields, reason] of [
    [{ [accessId]: vault.pair.accessId }, 'field-missing'],
    [{ [accessId]: vault.pair.accessId, [accessKey]: `${vault.pair.accessKey}\n` }, 'field-unfit'],
    [{ [accessId]: vault.pair.accessId, [accessKey]: '' }, 'field-unfit'],
    [{ [accessId]: 7, [accessKey]: vault.pair.accessKey }, 'field-unfit'],
  ] as const) {
    await vault.kv.writeFields(fields);
    await refusedFor(reason);
    await vault.kv.write(vault.pair);
    await untilHealed(stack);
  }

  await vault.kv.destroy();
  await refusedFor('secret-absent');
  await vault.kv.write(vault.pair);
  await untilHealed(stack);

  const log = await stack.log();
  t.notOk(log.includes(vault.pair.accessKey), 'the access key is in no line of the log');
  t.match(log, /undelete it or write a new one/, 'the operator is told what to do');

  await t.test('rotated under load, no mint fails', async (t) => {
    const pair = randomPair();
    simulator.addKey({ adminId: 7, ...pair });
    const answers: Answer[] = [];
    let rotated = false;
    await until(async () => {
      answers.push(...(await Promise.all([1, 2, 3, 4].map(() => stack.mint(32)))));
      if (!rotated) await vault.kv.write(pair);
      rotated = true;
      return simulator.requests().at(-1)?.accessId === pair.accessId;
    }, 'the new pair to be used');
    simulator.removeKey(vault.pair.accessId);
    answers.push(await stack.mint(32));
    t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
  });

  await t.test('paused: deadlines hold, and the pair in memory serves', async (t) => {
    await vault.server.pause();
    t.teardown(() => vault.server.resume());
    await until(
      async () => (await stack.get('/readyz')).body.parts.credential === 'degraded',
      'the pause to be noticed',
    );
    const started = Date.now();
    t.equal((await stack.mint(32)).status, 201);
    t.ok(Date.now() - started < 2_000, 'in time');
    vault.server.resume();
    await until(
      async () => (await stack.get('/readyz')).body.parts.credential === 'ok',
      'the end of the pause',
    );
  });

  await t.test('sealed: the pair in memory serves, and the broker heals', async (t) => {
    await vault.server.seal();
    await until(
      async () => (await stack.get('/readyz')).body.parts.credential === 'degraded',
      'the seal to be noticed',
    );
    t.equal((await stack.mint(32)).status, 201);
    const details = await (await fetch(`${stack.broker.privateUrl}/readyz`)).json();
    t.match(details, { details: { vault: { ok: false, fault: 'vault-sealed' } } }, 'the operator sees why');
    await vault.server.unseal();
    await until(async () => (await stack.get('/readyz')).body.parts.credential === 'ok', 'the unsealing');
    t.equal((await stack.mint(32)).status, 201);
  });
});

t.test('Vault that goes away leaves its token in no line of the log', async (t) => {
  let token = '';
  const stack = await startStack(t, {
    settings: { ...SHORT, VAULT_AUTH_METHOD: 'token', VAULT_TOKEN_FILE: `${t.testdirName}/token` },
    before: async (vault) => {
      const made = await vault.server.api('POST', 'auth/token/create', { policies: ['lm-token-broker'] });
      ({ client_token: token } = Made.parse(made).auth);
      await writeFile(`${t.testdirName}/token`, `${token}\n`);
    },
  });
  t.equal((await stack.mint(32)).status, 201);
  await stack.vault.server.close();
  const refused = await untilRefused(stack);
  isProblem(t, refused, 'vault-unavailable');
  const log = await stack.log();
  t.match(log, /cannot be read from Vault/);
  t.notOk(log.includes(token), 'no token');
  t.notOk(log.includes(Buffer.from(token).toString('base64').slice(2, -4)), 'not in base64 either');
});
