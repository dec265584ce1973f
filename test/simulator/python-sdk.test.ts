import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { startSimulator } from '../../simulator/server.ts';
import { ROOT } from './lm-client.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./sdk.py', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('./requirements.txt', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/python-sdk', import.meta.url));

// The first run installs the SDK; every later one takes a second.
t.setTimeout(300_000);

/** The folder that holds the SDK, installed there once for each content of requirements.txt. */
async function sdkFolder(): Promise<string> {
  const folder = `${CACHE}/${createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 16)}`;
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(`${CACHE}/unfinished-`);
  try {
    const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '--target', unfinished];
    await run('python3', ['-m', 'pip', 'install', ...options, '--requirement', REQUIREMENTS]);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

const missing = await run('python3', ['-m', 'pip', '--version']).then(
  () => false,
  () => 'python3 or its pip is missing',
);

t.test('LogicMonitor’s own Python SDK works against it unchanged', { skip: missing }, async (t) => {
  const simulator = await startSimulator();
  t.teardown(() => simulator.close());
  const { stdout } = await run('python3', [SCRIPT], {
    env: {
      PATH: process.env['PATH'],
      PYTHONPATH: await sdkFolder(),
      PYTHONDONTWRITEBYTECODE: '1',
      LM_URL: simulator.url,
      LM_ACCESS_ID: ROOT.accessId,
      LM_ACCESS_KEY: ROOT.accessKey,
    },
  });
  t.same(JSON.parse(stdout), {
    admins: [
      [7, 'token-broker'],
      [32, 'automation'],
      [33, 'reporting'],
      [41, 'deployments'],
    ],
    made: ['Zoë – 世界 🚀 "x" C:\\Inst', 2, 32, 'token-broker', ['automation', 'readonly']],
    bearer: ['lmb_', null],
    empty: '',
    own: [1, [true], null],
    page: [3, [true]],
    patched: [1, true],
    disabled: [401, 1401],
    put: 2,
    enabled: 1,
    'deleted again': [404, 1404],
    'unknown admin': [404, 1404],
    'wrong key': [401, 1401],
  });
  const deletes = simulator.requests().filter(({ method }) => method === 'DELETE');
  t.same(
    deletes.map(({ body }) => body),
    ['{}', '{}'],
    'the SDK sends and signs a body with DELETE',
  );
});
