import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const MAX_ENTRIES = 10_000;

/**
 * A text that changes when anything of a bundle does: which folder it really is, and of each file in it, and of those
 * outside that it names, which file that is, its size and its times. It reads no file. A Kubernetes volume is swapped
 * by a link, and files may then be older than those before them; a file that is written in place keeps its number. So
 * all of these are looked at, and the time of the last change of the inode, which nobody can set back.
 */
export async function fingerprint(given: string, named: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const folder = await realpath(join(given, '..data')).catch(() => realpath(given).catch(() => undefined));
  hash.update(JSON.stringify([folder ?? null]));
  if (folder === undefined) return hash.digest('base64');
  const inside = await readdir(folder, { recursive: true }).catch(() => []);
  const paths = [...inside.sort().slice(0, MAX_ENTRIES), ...named].map((name) => resolve(folder, name));
  for (const path of paths) {
    const seen = await stat(path, { bigint: true }).catch(() => undefined);
    hash.update(
      JSON.stringify([path, seen && [seen.dev, seen.ino, seen.size, seen.mtimeNs, seen.ctimeNs].map(String)]),
    );
  }
  return hash.digest('base64');
}
