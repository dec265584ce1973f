import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { type Gate, startGate } from '../support/gate.ts';
import { type Answer, type Stack, startStack, until } from '../support/stack.ts';

const Made = z.object({ auth: z.object({ client_token: z.string() }) });

/** A secret in every dress in which it could slip out: as it is, in base64, hex, URL and JSON form. */
function dresses(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // At every alignment, less the characters that depend on what stands beside it.
  const base64 = [0, 1, 2].flatMap((shift) => {
    const inner = Buffer.concat([Buffer.alloc(shift), bytes]);
    return (['base64', 'base64url'] as const).map((form) =>
      inner
        .toString(form)
        .replace(/=+$/, '')
        .slice(shift === 0 ? 0 : 4, -4),
    );
  });
  const hex = bytes.toString('hex');
  return [
    secret,
    ...base64,
    hex,
    hex.toUpperCase(),
    encodeURIComponent(secret),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
  ];
}

/** Fails for each of the named secrets that `text` holds in any dress; neither is shown. */
function holdsNone(t: Test, what: string, text: string, secrets: ReadonlyMap<string, string>): void {
  const found = [...secrets].filter(([, secret]) => dresses(secret).some((dress) => text.includes(dress)));
  t.same(
    found.map(([name]) => name),
    [],
    `${what} holds no secret`,
  );
}

async function auditText(stack: Stack): Promise<string> {
  const names = (await readdir(stack.auditDir)).filter((name) => name !== 'lock.db');
  return (await Promise.all(names.map((name) => readFile(join(stack.auditDir, name), 'utf8')))).join('\n');
}

t.test('The dresses are what would be found', async (t) => {
  const secret = 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+';
  for (const around of ['', 'a', 'ab']) {
    const text = Buffer.from(`${around}${secret}tail`).toString('base64');
    t.ok(
      dresses(secret).some((dress) => text.includes(dress)),
      `base64 after ${around.length} bytes`,
    );
  }
  t.notOk(dresses(secret).some((dress) => dress.length < 16));
});

/** Every secret that was said to or by LM and Vault: keys, signatures, tokens, secret ids. */
function secretsHeard(lm: string, vault: string): Map<string, string> {
  const found = new Map<string, string>();
  const gather = (name: string, text: string, pattern: RegExp): void => {
    for (const [, secret] of text.matchAll(pattern)) {
      if (secret !== undefined) found.set(`${name} ${found.size}`, JSON.parse(`"${secret}"`));
    }
  };
  gather('a minted key', lm, /"accessKey":"((?:[^"\\]|\\.)+)"/g);
  gather('a signature', lm, /^authorization: LMv1 [^:]+:(\S+):\d+\r$/gim);
  gather('a Vault token', vault, /^x-vault-token: (\S+)\r$/gim);
  gather('an issued Vault token', vault, /"client_token":"([^"]+)"/g);
  gather('a secret id', vault, /"secret_id":"([^"]+)"/g);
  gather('an LM key', vault, /"access_key":"((?:[^"\\]|\\.){8,})"/g);
  return found;
}

t.test(
  'No secret of a run with successes, refusals and faults leaves the place where it belongs',
  async (t) => {
    const settings: Record<string, string> = {
      LOG_LEVEL: 'debug',
      REQUEST_TIMEOUT: '3s',
      LM_ATTEMPT_TIMEOUT: '500ms',
      LM_CONNECT_TIMEOUT: '300ms',
      VAULT_TIMEOUT: '400ms',
      CREDENTIAL_REREAD: '300ms',
      CREDENTIAL_MAX_STALE: '900ms',
      VAULT_AUTH_METHOD: 'token',
      VAULT_TOKEN_FILE: `${t.testdirName}/token`,
    };
    let gates: { lm: Gate; vault: Gate } | undefined;
    const stack = await startStack(t, {
      settings,
      before: async (vault, simulator) => {
        const made = await vault.server.api('POST', 'auth/token/create', { policies: ['lm-token-broker'] });
        await writeFile(`${t.testdirName}/token`, Made.parse(made).auth.client_token);
        gates = {
          lm: await startGate(t, simulator.port),
          vault: await startGate(t, Number(new URL(vault.server.address).port)),
        };
        Object.assign(settings, { LM_URL: gates.lm.url, VAULT_ADDR: gates.vault.url });
      },
    });
    if (gates === undefined) throw new Error('startStack did not call `before`');
    const { vault, simulator } = stack;
    const answers: Answer[] = [];
    const mint = async (status: number, ...given: Parameters<Stack['mint']>): Promise<void> => {
      const answer = await stack.mint(...given);
      answers.push(answer);
      t.equal(answer.status, status, `${status} as planned`);
    };
    const untilMint = (status: number, what: string) =>
      until(async () => {
        const answer = await stack.mint(32);
        answers.push(answer);
        return answer.status === status;
      }, what);

    await mint(201, 32);
    await mint(201, 33, { note: 'Ærgo', type: 'bearer', reason: 'for the test' });

    const { callerJwt } = stack;
    await mint(403, 32, {}, { authorization: `Bearer ${stack.otherJwt}` });
    await mint(403, 7);
    await mint(401, 32, {}, { authorization: `Bearer ${callerJwt}x` });
    await mint(401, 32, {}, { authorization: callerJwt });
    await mint(400, callerJwt);
    await mint(400, 32, `{"note":"${callerJwt}\\u0007"}`);
    await mint(400, 32, {}, { 'idempotency-key': callerJwt });
    await mint(201, 32, {}, { 'x-request-id': callerJwt, traceparent: callerJwt });
    for (const path of [`/${callerJwt}`, `/readyz?token=${callerJwt}`, `/admins/32/tokens?jwt=${callerJwt}`])
      answers.push(await stack.get(path));

    const echo = { errorMessage: `no such key: ${vault.pair.accessKey}`, errorCode: 1400, errorDetail: null };
    const post = { method: 'POST', times: 1 } as const;
    for (const [status, fault] of [
      [422, { kind: 'status', status: 400, body: echo }],
      [502, { kind: 'status', status: 403 }],
      [504, { kind: 'resetAfterCommit' }],
      [504, { kind: 'invalidJson' }],
      [504, { kind: 'truncate' }],
      [504, { kind: 'wrongContentType' }],
      [504, { kind: 'slowBody', ms: 1_000 }],
    ] as const) {
      simulator.faults.add({ ...post, ...fault });
      await mint(status, 32);
    }

    // A caller that hangs up: its token is ended.
    simulator.faults.add({ ...post, kind: 'delayAfterCommit', ms: 100 });
    const before = simulator.state().requests;
    const hungUp = request(`${stack.broker.url}/admins/32/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${callerJwt}`, 'content-type': 'application/json' },
    }).end('{}');
    hungUp.on('error', () => {});
    await simulator.until(() => simulator.requests(before).some(({ committed }) => committed));
    hungUp.destroy();
    await until(
      async () => (await stack.records()).some(({ kind }) => kind === 'end'),
      'its token to be ended',
    );

    await vault.kv.writeFields({ access_id: vault.pair.accessId, access_key: `${vault.pair.accessKey}\n` });
    await untilMint(503, 'the unfit secret to be noticed');
    await vault.kv.write(vault.pair);
    await untilMint(201, 'the good one to be read');
    await gates.vault.shut();
    await untilMint(503, 'Vault to be away for too long');
    const details = await fetch(`${stack.broker.privateUrl}/readyz`);
    const operators = [await details.text()];
    await gates.vault.open();
    await untilMint(201, 'Vault to be back');
    await vault.revokeBrokerTokens();
    await untilMint(503, 'the dead token to be noticed');
    operators.push(await (await fetch(`${stack.broker.privateUrl}/metrics`)).text());
    await stack.broker.stop();

    await stack.restart({ ...settings, VAULT_AUTH_METHOD: 'approle', VAULT_TOKEN_FILE: '' });
    await untilMint(201, 'a mint by way of the AppRole');
    await gates.lm.shut();
    await mint(502, 32);
    await gates.lm.open();
    simulator.faults.add({ ...post, kind: 'delayAfterCommit', ms: 300 });
    const requestsBefore = simulator.state().requests;
    const unrecorded = stack.mint(32);
    await simulator.until(() => simulator.requests(requestsBefore).some(({ committed }) => committed));
    const audit = await auditText(stack);
    await rm(join(stack.auditDir, 'audit.jsonl'));
    answers.push(await unrecorded);
    await mint(503, 32);
    operators.push(await (await fetch(`${stack.broker.privateUrl}/readyz`)).text());
    await stack.broker.stop();

    const secrets = secretsHeard(gates.lm.heard, gates.vault.heard);
    for (const kind of [
      'a minted key',
      'a signature',
      'a Vault token',
      'an issued Vault token',
      'a secret id',
      'an LM key',
    ])
      t.ok(
        [...secrets.keys()].some((name) => name.startsWith(kind)),
        `the run had ${kind}`,
      );
    t.ok([...secrets.values()].includes(vault.pair.accessKey), 'the broker’s own among them');
    secrets.set('the caller’s JWT', callerJwt);
    secrets.set('its signature', callerJwt.split('.')[2] ?? '');
    secrets.set('the other JWT’s signature', stack.otherJwt.split('.')[2] ?? '');

    holdsNone(t, 'the log', await stack.log(), secrets);
    holdsNone(t, 'the audit log', audit, secrets);
    operators.forEach((text, i) => void holdsNone(t, `the private port, ${i}`, text, secrets));
    for (const { status, headers, text, body } of answers) {
      const own = status === 201 ? body.accessKey : undefined;
      const others = new Map([...secrets].filter(([, secret]) => secret !== own));
      holdsNone(t, `the ${status}`, `${JSON.stringify([...headers])}\n${text}`, others);
    }
    const delivered = answers.filter(({ status }) => status === 201).map(({ body }) => body.accessKey);
    t.ok(
      delivered.every((key) => [...secrets.values()].includes(key)),
      'each 201 had its own key',
    );
    t.equal(new Set(delivered).size, delivered.length, 'and no two the same');
  },
);
