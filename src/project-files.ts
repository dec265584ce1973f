import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The path of a file of the project, by its path below the top folder; the same from `src/` and from `dist/src/`. */
export function projectFile(name: string): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
    folder = above;
  }
  return join(folder, name);
}
