import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { startBroker } from '../demo/broker.ts';
import { writeBundle } from '../demo/bundle.ts';
import { projectFile } from '../src/project-files.ts';
import { SETTINGS } from '../src/settings.ts';
import { version } from '../src/version.ts';

interface Ran {
  readonly code: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program with this environment alone, to its end. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const child = spawn(process.execPath, [projectFile('src/main.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.signalCode ?? child.exitCode ?? 0, stdout, stderr };
}

/** Settings of a broker whose Vault, issuer and LM are away, and that starts all the same. */
async function settings(t: Test): Promise<Record<string, string>> {
  const folder = t.testdir();
  const policyDir = join(folder, 'policy');
  await writeBundle(policyDir, {
    issuer: 'http://127.0.0.1:1/issuer',
    audience: 'lm-token-broker',
    subject: 'ci',
  });
  return {
    LISTEN: '127.0.0.1:0',
    PRIVATE_LISTEN: '127.0.0.1:0',
    DRAIN_LEAD: '1ms',
    LM_URL: 'http://127.0.0.1:1',
    VAULT_ADDR: 'http://127.0.0.1:1',
    VAULT_ROLE_ID: 'canary-role-id',
    VAULT_SECRET_ID: 'canary-secret-id',
    POLICY_DIR: policyDir,
    AUDIT_DIR: join(folder, 'audit'),
  };
}

t.test('--help names every setting, --version the version, and both need no configuration', async (t) => {
  const [help, short, told] = await Promise.all([run(['--help']), run(['-h']), run(['--version'])]);
  t.match(help, { code: 0, stderr: '' });
  for (const name of Object.keys(SETTINGS)) t.match(help.stdout, new RegExp(`^ {2}${name}\\b`, 'm'), name);
  t.strictSame(short, help);
  t.strictSame(told, { code: 0, stdout: `${version}\n`, stderr: '' });
});

t.test('a command or option that does not exist ends in 64, and says where help is', async (t) => {
  for (const args of [['start'], ['serve', 'now']]) {
    const ran = await run(args);
    t.equal(ran.code, 64, args.join(' '));
    t.equal(ran.stdout, '');
    t.equal(
      ran.stderr,
      `lm-token-broker: unknown command or option: ${args.join(' ')}\nTry: lm-token-broker --help\n`,
    );
  }
});

t.test('a broken configuration ends in 78, with every fault on stderr once', async (t) => {
  const ran = await run(['serve'], {
    LISTEN: 'x',
    LM_URL: 'javascript:alert(1)',
    VAULT_ADDR: 'http://vault',
  });
  t.equal(ran.code, 78);
  t.equal(ran.stdout, '');
  const names = [
    'LISTEN',
    'LM_URL',
    'VAULT_ADDR',
    'POLICY_DIR',
    'AUDIT_DIR',
    'VAULT_ROLE_ID',
    'VAULT_SECRET_ID',
  ];
  for (const name of names) t.equal(ran.stderr.split(new RegExp(`^ {2}${name} `, 'm')).length, 2, name);
  t.equal(ran.stderr.trimEnd().split('\n').length, 1 + names.length);
});

t.test('a broken bundle ends in 78, with the file, line and reason of each fault', async (t) => {
  const env = await settings(t);
  await appendFile(
    join(env['POLICY_DIR'] ?? '', 'policies/production.cedar'),
    '\npermit (principal, action);\n',
  );
  const lines = (await readFile(join(env['POLICY_DIR'] ?? '', 'policies/production.cedar'), 'utf8')).split(
    '\n',
  ).length;
  const ran = await run([], env);
  t.equal(ran.code, 78);
  t.notMatch(ran.stdout, /listening|production/, 'the fault is told once, and not in the log');
  t.match(ran.stderr, new RegExp(`^ {2}policies/production\\.cedar:${lines - 1}:\\d+: .+$`, 'm'));
});

t.test('a bundle that is not there ends in 78', async (t) => {
  const ran = await run([], { ...(await settings(t)), POLICY_DIR: '/nowhere' });
  t.equal(ran.code, 78);
  t.match(ran.stderr, '/nowhere');
});

t.test('a port that is taken ends in 1, says so, and leaves no stack trace', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // `as`: it listens on a port, not on a pipe
  for (const name of ['LISTEN', 'PRIVATE_LISTEN']) {
    const ran = await run([], { ...(await settings(t)), [name]: `127.0.0.1:${port}` });
    t.equal(ran.code, 1, name);
    t.match(ran.stderr, new RegExp(`^lm-token-broker: could not start: .*127\\.0\\.0\\.1:${port}`));
    t.notMatch(ran.stderr, /\n +at /);
    t.notMatch(ran.stdout, 'listening');
  }
});

t.test('an audit folder that cannot be made ends in 1 and names it', async (t) => {
  const env = await settings(t);
  const file = join(env['POLICY_DIR'] ?? '', 'schema.cedarschema');
  const ran = await run([], { ...env, AUDIT_DIR: join(file, 'audit') });
  t.equal(ran.code, 1);
  t.match(ran.stderr, new RegExp(`^lm-token-broker: could not start: .*${file}`));
});

t.test(
  'it listens though Vault, issuer and LM are away, says where at any log level, stays at SIGHUP, and ends at SIGTERM',
  async (t) => {
    const env = await settings(t);
    const logFile = join(env['POLICY_DIR'] ?? '', '..', 'broker.log');
    for (const [LOG_LEVEL, signal] of [
      ['info', 'SIGTERM'],
      ['error', 'SIGINT'],
    ] as const) {
      const broker = await startBroker({ ...env, LOG_LEVEL }, logFile);
      t.teardown(() => broker.stop());
      t.equal((await fetch(`${broker.url}/healthz`)).status, 200);
      t.equal((await fetch(`${broker.url}/readyz`)).status, 503);
      broker.signal('SIGHUP');
      t.equal((await fetch(`${broker.url}/healthz`)).status, 200);
      t.match(await (await fetch(`${broker.url}/readyz`)).json(), { status: 'unready' });
      broker.signal(signal);
      t.equal(await broker.ended, 0, signal);
    }
    const log = await readFile(logFile, 'utf8');
    t.match(log, /"signal":"SIGTERM","msg":"draining"/);
    t.match(log, '"ended"');
    t.notMatch(log, 'canary');
  },
);
