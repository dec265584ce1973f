import { createHash } from 'node:crypto';
import { open, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BundleFault } from './faults.ts';

/** What a bundle's folder held at one moment. */
interface BundleFiles {
  /** The real path that was read. */
  readonly folder: string;
  /** Name relative to the folder, to the text; in the order of the names. */
  readonly texts: ReadonlyMap<string, string>;
  readonly faults: readonly BundleFault[];
  /** Reads a file that one of these names, which makes it part of the digest. */
  readonly readNamed: ReadNamed;
  /**
   * SHA-256, hex, of what `sha256sum` prints for all files that were read, in the order of their names: anybody can
   * compute it from the folder alone.
   */
  digest(): string;
  /** The paths that `readNamed` has read. */
  named(): readonly string[];
}

/** Reads a file by its path, relative to the bundle's folder, at most 4 MB. Throws what `reasonOf` puts in words. */
export type ReadNamed = (path: string) => Promise<Buffer>;

const REQUIRED = ['entities.yaml', 'issuers.yaml', 'schema.cedarschema'];
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_POLICY_FILES = 1000;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the files that a bundle decides by, and nothing else of its folder: its `tests` do not change the digest. Links
 * are resolved first, so that a folder that is swapped meanwhile is read whole, from before or from after; a Kubernetes
 * volume is swapped by its link `..data`. What cannot be read is a fault in the answer; this never throws.
 */
export async function readBundleFiles(given: string): Promise<BundleFiles> {
  const faults: BundleFault[] = [];
  const fault = (file: string, reason: string) => {
    faults.push({ file, line: 1, column: 1, reason });
  };
  const folder = await realpath(join(given, '..data')).catch(() => realpath(given).catch(() => undefined));
  const texts = new Map<string, string>();
  const sums = new Map<string, string>();
  const read = async (name: string): Promise<Buffer> => {
    const bytes = await readBounded(resolve(folder ?? given, name));
    sums.set(name, createHash('sha256').update(bytes).digest('hex'));
    return bytes;
  };
  const named = new Set<string>();
  const readNamed: ReadNamed = (path) => {
    named.add(path);
    return read(path);
  };
  if (folder === undefined) {
    fault('.', 'there is no such folder');
  } else {
    const names = [...REQUIRED, ...(await policyFiles(folder, fault))].sort();
    for (const name of names) {
      const bytes = await read(name).catch((error: unknown) => reasonOf(error));
      if (typeof bytes === 'string') {
        fault(name, bytes);
        continue;
      }
      try {
        texts.set(name, utf8.decode(bytes));
      } catch {
        fault(name, 'is not valid UTF-8');
      }
    }
  }
  return {
    folder: folder ?? given,
    texts,
    faults,
    readNamed,
    digest: () => digestOf(sums),
    named: () => [...named],
  };
}

function digestOf(sums: ReadonlyMap<string, string>): string {
  const lines = [...sums.keys()].sort().map((name) => `${sums.get(name)}  ${name}\n`);
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** The names of the policy files. A file that looks like a policy but would be left out is a fault: it may be a forbid. */
async function policyFiles(folder: string, fault: (file: string, reason: string) => void): Promise<string[]> {
  // `..data` and the like are how Kubernetes mounts a bundle; other hidden files are looked at like any.
  const entries = async (path: string) =>
    (await readdir(path)).filter((name) => !name.startsWith('..') || name.endsWith('.cedar'));
  const top = await entries(folder).catch(() => []);
  for (const name of top) {
    if (name.endsWith('.cedar')) fault(name, 'policies belong in the folder `policies`; here it is not read');
  }
  const inside = await entries(join(folder, 'policies')).catch((error: unknown) => reasonOf(error));
  if (typeof inside === 'string') {
    fault('policies', inside);
    return [];
  }
  const names: string[] = [];
  for (const name of inside) {
    if (/^[\w.-]+\.cedar$/.test(name)) names.push(`policies/${name}`);
    else if (name.endsWith('.cedar'))
      fault(`policies/${name}`, 'must be named by letters, digits, `.`, `_`, `-`');
    else fault(`policies/${name}`, 'only files that end in `.cedar` belong here; this one would not be read');
  }
  if (names.length > MAX_POLICY_FILES) fault('policies', `more than ${MAX_POLICY_FILES} files`);
  return names.slice(0, MAX_POLICY_FILES);
}

/** Reads a regular file of bounded size; a file that grows meanwhile is still bounded. Throws what `reasonOf` puts in words. */
export async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('is not a file');
    const buffer = Buffer.alloc(Math.min(stat.size, MAX_FILE_BYTES) + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (length > MAX_FILE_BYTES) throw new Error(`is larger than ${MAX_FILE_BYTES} bytes`);
      if (length === buffer.length) throw new Error('changed while it was read');
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } finally {
    await file.close();
  }
}

/** Why a file of a bundle could not be read. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'is missing';
  if (typeof code === 'string') return `cannot be read (${code})`;
  return error instanceof Error ? error.message : 'cannot be read';
}
