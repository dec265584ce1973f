import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { EXAMPLE } from './bundle.ts';

/** A good bundle, and one folder for each broken one, which holds only what differs from the good one. */
const FOLDER = join(import.meta.dirname, 'broken');

/** The names of the broken bundles. */
export const BROKEN = readdirSync(FOLDER).filter((name) => name !== 'good');

/** The good bundle in a fresh folder; its schema is that of the example. */
export function goodBundle(dir: string): string {
  cpSync(join(EXAMPLE, 'schema.cedarschema'), join(dir, 'schema.cedarschema'));
  cpSync(join(FOLDER, 'good'), dir, { recursive: true });
  return dir;
}

/** A broken bundle in a fresh folder: the good one with what its own folder has, less what `without.txt` names. */
export function brokenBundle(dir: string, name: string): string {
  goodBundle(dir);
  const folder = join(FOLDER, name);
  const own = (path: string) => !['expected.txt', 'without.txt'].some((file) => path === join(folder, file));
  cpSync(folder, dir, { recursive: true, filter: own });
  if (existsSync(join(folder, 'without.txt'))) {
    for (const file of linesOf(join(folder, 'without.txt'))) rmSync(join(dir, file), { recursive: true });
  }
  return dir;
}

/** What `policy check` must say of it, line by line. */
export function expectedOf(name: string): string[] {
  return linesOf(join(FOLDER, name, 'expected.txt'));
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}
