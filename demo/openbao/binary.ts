import { findPackageJSON } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { downloadServer } from './download.ts';
import { isRunnable } from './program.ts';

/** A server program that has been seen to run. OpenBao is `bao`, HashiCorp Vault `vault`; both take the same commands. */
export type ServerBinary = {
  path: string;
  kind: 'bao' | 'vault';
  from: 'PATH' | 'cache' | 'download';
};

type FindOptions = {
  /** Folders to search, as in `PATH` (the default). */
  searchPath?: string;
  /** Where downloads are kept; by default `.cache/openbao` in the project, which git ignores. */
  cacheDir?: string;
  /** The Python 3 that has pip. */
  python?: string;
  /** Told once, in words for a person, before something large is fetched. */
  onDownload?: (what: string) => void;
};

/**
 * Finds an OpenBao or Vault server: `bao`, then `vault`, on the search path if its `version` command works; else the
 * pinned OpenBao in the cache folder; else that version, downloaded into the cache. Safe to call from several
 * processes at once. Throws an error that says what to install when none can be had.
 */
export async function findServer(options: FindOptions = {}): Promise<ServerBinary> {
  const searchPath = options.searchPath ?? process.env['PATH'] ?? '';
  for (const kind of ['bao', 'vault'] as const) {
    for (const folder of searchPath.split(delimiter).filter((entry) => entry !== '')) {
      const path = join(folder, kind);
      if (await isRunnable(path)) return { path, kind, from: 'PATH' };
    }
  }
  const found = await downloadServer({
    cacheDir: options.cacheDir ?? projectCache(),
    python: options.python ?? 'python3',
    onDownload: options.onDownload ?? (() => {}),
  });
  return { ...found, kind: 'bao' };
}

/** Looked up from the nearest package.json, so that the built demo under `dist/` shares it with the sources. */
function projectCache(): string {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) throw new Error('The demo runs from a checkout of the project only.');
  return join(dirname(manifest), '.cache/openbao');
}
