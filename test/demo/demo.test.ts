import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { writeBundle } from '../../demo/bundle.ts';
import { freePort } from '../../demo/openbao/process.ts';
import { readRecords } from '../../src/audit/read.ts';
import { projectFile } from '../../src/project-files.ts';
import { until } from '../support/stack.ts';

/** A demo that runs, as a terminal would run it: in a process group of its own. */
interface Demo {
  readonly pid: number;
  /** What it said on both outputs by now. */
  said(): string;
  /** Resolves when it has said this; throws when it ends before. */
  hasSaid(what: RegExp): Promise<void>;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** `npm run demo`: its words say `--` before the script, since Node would take `--env-file` for an option of its own. */
const { demo: command } = z
  .object({ scripts: z.object({ demo: z.string().startsWith('node -- ') }) })
  .parse(JSON.parse(readFileSync(projectFile('package.json'), 'utf8'))).scripts;

function start(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}): Demo {
  const { PATH, HOME } = process.env;
  const child: ChildProcess = spawn(process.execPath, [...command.split(' ').slice(1), ...args], {
    cwd: projectFile('.'),
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const output of [child.stdout, child.stderr]) output?.on('data', (bytes) => (said += String(bytes)));
  let over = false;
  const ended = once(child, 'close').then(() => {
    over = true;
    return child.signalCode ?? child.exitCode ?? 0;
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    pid: child.pid ?? 0,
    said: () => said,
    ended,
    hasSaid: (what) =>
      until(() => {
        if (over && !what.test(said)) throw new Error(`the demo ended: ${said}`);
        return what.test(said);
      }, `the demo to say ${what}`),
  };
}

/** The processes that it started and that still run; where the system does not tell, none. */
function children({ pid }: Demo): number[] {
  const list = `/proc/${pid}/task/${pid}/children`;
  return existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number) : [];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await until(() => !pids.some(isAlive), `the processes ${pids} to end`);
}

const envFile = z.object({
  BROKER_URL: z.url(),
  CALLER_JWT: z.jwt(),
  OTHER_JWT: z.jwt(),
  LM_URL: z.url(),
  LM_ACCESS_ID: z.string().min(1),
  LM_ACCESS_KEY: z.string().min(1),
  VAULT_ADDR: z.url(),
  VAULT_TOKEN: z.string().min(1),
  AUDIT_DIR: z.string().min(1),
  BROKER_PID: z.string().regex(/^\d+$/),
});

/** `POST /admins/32/tokens`. */
async function mint(url: string, jwt: string, body: object): Promise<number> {
  const headers = { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/admins/32/tokens`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.status;
}

t.test('--once mints a token, tells how, ends in 0, shows no secret and leaves nothing behind', async (t) => {
  const AUDIT_DIR = join(t.testdir(), 'audit');
  const demo = start(t, ['--once'], { AUDIT_DIR });
  await demo.hasSaid(/the broker runs at/);
  const started = children(demo);
  t.equal(await demo.ended, 0, demo.said());
  await untilGone(started);
  const said = demo.said();
  for (const word of ['201', 'access key', 'intent', 'outcome', 'delivery', '403 policy-denied'])
    t.match(said, word);
  const records = await readRecords(join(AUDIT_DIR, 'audit.jsonl'));
  const hashes = records.flatMap((record) =>
    record.kind === 'outcome' ? [record.token?.accessKeySha256] : [],
  );
  t.equal(hashes.length, 1);
  const shown = Array.from({ length: said.length - 39 }, (_, i) => said.slice(i, i + 40)).filter((part) =>
    hashes.includes(createHash('sha256').update(`lm-token-broker access key v1\n${part}`).digest('hex')),
  );
  t.strictSame(shown, [], 'the key is masked');
  t.notMatch(said, /eyJ|hvs\.|\bs\.[A-Za-z0-9]{20}/, 'no JWT and no Vault token');
});

t.test('it stays up, writes --env-file, passes settings on, and Ctrl-C ends all of it', async (t) => {
  const file = join(t.testdir(), 'demo.env');
  const demo = start(t, ['--env-file', file], {
    BODY_LIMIT: '1kB',
    PRIVATE_LISTEN: 'off',
    LOG_LEVEL: 'error',
    VAULT_ADDR: 'https://vault.invalid',
    VAULT_TOKEN: 'canary-of-a-shell',
    LM_COMPANY: 'acme',
  });
  await demo.hasSaid(/until Ctrl-C/);
  t.match(demo.said(), /not taken from the environment.*: .*LM_COMPANY.*VAULT_ADDR.*VAULT_TOKEN/);
  t.match(demo.said(), `. ${file}`);
  t.notMatch(demo.said(), /canary|eyJ|\/metrics/);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  const env = envFile.parse(parseEnv(await readFile(file, 'utf8')));
  t.match(env.VAULT_ADDR, /^http:\/\/127\.0\.0\.1:/);
  const health = await fetch(`${env.VAULT_ADDR}/v1/auth/token/lookup-self`, {
    headers: { 'X-Vault-Token': env.VAULT_TOKEN },
  });
  t.equal(health.status, 200);
  t.equal(await mint(env.BROKER_URL, env.CALLER_JWT, { note: 'hello' }), 201);
  t.equal(await mint(env.BROKER_URL, env.OTHER_JWT, {}), 403);
  t.equal(
    await mint(env.BROKER_URL, env.CALLER_JWT, { note: 'x', ['y'.repeat(1_000)]: 1 }),
    413,
    'BODY_LIMIT',
  );
  const kinds = (await readRecords(join(env.AUDIT_DIR, 'audit.jsonl'))).map(({ kind }) => kind);
  t.equal(kinds.filter((kind) => kind === 'intent').length, 2);
  const started = [...children(demo), Number(env.BROKER_PID)];
  process.kill(-demo.pid, 'SIGINT');
  t.equal(await demo.ended, 0, demo.said());
  await untilGone(started);
  for (const url of [env.BROKER_URL, env.VAULT_ADDR, env.LM_URL]) await t.rejects(fetch(url), url);
  t.notOk(existsSync(env.AUDIT_DIR), 'its folder is removed');
  t.notOk(existsSync(file), 'and the file that names what has ended');
});

t.test('a broker that ends by itself makes the demo fail, and its log stays', async (t) => {
  const file = join(t.testdir({ 'demo.env': 'BROKER_URL=of-an-earlier-demo' }), 'demo.env');
  const demo = start(t, ['--env-file', file]);
  await demo.hasSaid(/until Ctrl-C/);
  const env = envFile.parse(parseEnv(await readFile(file, 'utf8')));
  process.kill(Number(env.BROKER_PID), 'SIGKILL');
  t.equal(await demo.ended, 1);
  const [, log = ''] = /the broker ended \(SIGKILL\); its log is (\S+)/.exec(demo.said()) ?? [];
  t.match(await readFile(log, 'utf8'), 'listening');
  t.ok(existsSync(env.AUDIT_DIR));
  await rm(dirname(log), { recursive: true });
  await t.rejects(readFile(file), { code: 'ENOENT' });
});

t.test('an --env-file that cannot be written is told before anything is started', async (t) => {
  const demo = start(t, ['--env-file', join(t.testdir(), 'nowhere', 'demo.env')]);
  t.equal(await demo.ended, 1);
  t.match(demo.said(), /--env-file .* cannot be written \(ENOENT\)/);
  t.notMatch(demo.said(), 'OpenBao');
});

t.test('SIGTERM, and even SIGKILL, of the demo alone leaves no process behind', async (t) => {
  const gentle = start(t, []);
  await gentle.hasSaid(/the broker runs at/);
  const [, brokerPid] = /\(process (\d+)\)/.exec(gentle.said()) ?? [];
  const first = children(gentle);
  t.ok(!existsSync('/proc') || first.includes(Number(brokerPid)));
  process.kill(gentle.pid, 'SIGTERM');
  t.ok([0, 130].includes(Number(await gentle.ended)), gentle.said());
  await untilGone([...first, Number(brokerPid)]);

  const killed = start(t, []);
  await killed.hasSaid(/the broker runs at/);
  const second = [...children(killed), Number(/\(process (\d+)\)/.exec(killed.said())?.[1])];
  process.kill(killed.pid, 'SIGKILL');
  t.equal(await killed.ended, 'SIGKILL');
  await untilGone(second);
});

t.test('Ctrl-C while it starts ends it at the next step, in 130, with nothing left behind', async (t) => {
  const demo = start(t, ['--once']);
  await demo.hasSaid(/OpenBao runs at/);
  const started = children(demo);
  process.kill(-demo.pid, 'SIGINT');
  t.equal(await demo.ended, 130);
  t.match(demo.said(), /demo: interrupted/);
  t.notMatch(demo.said(), /201/);
  await untilGone(started);
});

t.test(
  'a mint that policy refuses makes the demo fail in 1, in clear words, and nothing is left',
  async (t) => {
    const POLICY_DIR = join(t.testdir(), 'policy');
    const vaultPort = await freePort();
    const issuer = `http://127.0.0.1:${vaultPort}/v1/identity/oidc`;
    await writeBundle(POLICY_DIR, { issuer, audience: 'lm-token-broker', subject: 'somebody-else' });
    const demo = start(t, ['--once', '--vault-port', String(vaultPort)], { POLICY_DIR });
    await demo.hasSaid(/the broker runs at/);
    const started = children(demo);
    t.equal(await demo.ended, 1);
    t.match(demo.said(), /^demo: the mint was answered 403: .*policy-denied.*no-permit/m);
    await untilGone(started);
  },
);

t.test('a broker that does not start makes the demo fail in 1, with the reason', async (t) => {
  const demo = start(t, ['--once'], { REQUEST_TIMEOUT: '1s' });
  t.equal(await demo.ended, 1);
  t.match(demo.said(), /demo: the broker did not start.*\n[\s\S]*must be shorter than REQUEST_TIMEOUT/);
});

t.test('wrong words on the command line end in 64 before anything is started', async (t) => {
  const demos = [['--twice'], ['--port', '99999']].map((args) => start(t, args));
  for (const demo of demos) {
    t.equal(await demo.ended, 64, demo.said());
    t.match(demo.said(), /^demo: /);
    t.notMatch(demo.said(), 'OpenBao');
  }
});
