import { isUtf8 } from 'node:buffer';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../mint/json.ts';
import { BundleError, type BundleFault, faultAt, inOrder } from './faults.ts';
import { readBounded, reasonOf } from './files.ts';
import type { Bundle } from './load.ts';
import { type Trial, trialSchema } from './trial.ts';
import { readYaml } from './yaml.ts';

const EXPECTED = ['allow', 'deny'] as const;
/** In each of the two folders: all of them are read, and run, before a bundle is taken. */
const MAX_CASES = 5000;

/** One test case of a bundle: a request, and what is to become of it. */
export interface Case {
  /** Relative to the bundle's folder. */
  readonly file: string;
  /** What the case holds, as its file is called: `nobody-mints-for-people.json` says `nobody mints for people`. */
  readonly sentence: string;
  readonly expected: (typeof EXPECTED)[number];
  readonly trial: Trial;
}

/**
 * Reads the cases of a bundle, `tests/allow/*.json` and `tests/deny/*.json`, in the order of their names; none when
 * there are none. Throws a `BundleError` with all faults at once: a file that is not a case, or lies where it would
 * not be read, is one.
 */
export async function readCases({ folder, issuers }: Bundle): Promise<Case[]> {
  const faults: BundleFault[] = [];
  const fault = (file: string, reason: string) => faults.push({ file, line: 1, column: 1, reason });
  // `..data` and the like are how Kubernetes mounts a folder.
  const entries = async (path: string) =>
    (await readdir(join(folder, path))).filter((name) => !name.startsWith('..')).sort();
  const present = async (path: string) =>
    entries(path).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT'))
        fault(path, reasonOf(error));
      return [];
    });

  for (const name of await present('tests')) {
    if (name !== 'allow' && name !== 'deny')
      fault(`tests/${name}`, 'cases belong in `tests/allow` and `tests/deny`; here it would not be read');
  }
  const schema = trialSchema(issuers);
  const cases: Case[] = [];
  for (const expected of EXPECTED) {
    const names = await present(`tests/${expected}`);
    if (names.length > MAX_CASES) {
      fault(`tests/${expected}`, `more than ${MAX_CASES} files`);
      continue;
    }
    for (const name of names) {
      const file = `tests/${expected}/${name}`;
      if (!name.endsWith('.json')) {
        fault(file, 'only files that end in `.json` belong here; this one would not be read');
        continue;
      }
      const bytes = await readBounded(join(folder, file)).catch((error: unknown) => reasonOf(error));
      if (typeof bytes === 'string') {
        fault(file, bytes);
        continue;
      }
      const read = await readTrial(file, bytes, schema);
      if (Array.isArray(read)) faults.push(...read);
      else cases.push({ file, sentence: sentenceOf(name), expected, trial: read });
    }
  }
  if (faults.length > 0) throw new BundleError(folder, inOrder(faults));
  return cases;
}

function sentenceOf(name: string): string {
  return name.slice(0, -'.json'.length).replaceAll('-', ' ');
}

/** The request of a file, or its faults. JSON is read as the YAML that it also is, for the places alone. */
async function readTrial(
  file: string,
  bytes: Uint8Array,
  schema: ReturnType<typeof trialSchema>,
): Promise<Trial | BundleFault[]> {
  const read = readJson(bytes);
  const text = new TextDecoder().decode(bytes);
  const broken = read.ok ? undefined : syntaxFault(file, text, bytes);
  if (broken !== undefined) return [broken];
  const { at } = await readYaml(file, text, z.unknown());
  if (!read.ok) {
    return read.faults.map(({ pointer, detail }) => at(pathOf(pointer), `\`${pointer}\`: ${detail}`));
  }
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => at([key], `\`${key}\` is not a member that belongs here`))
      : [at(issue.path, `${issue.path.map((step) => `\`${String(step)}\` `).join('')}${issue.message}`)],
  );
}

/** What the parser has against a text, and where; undefined when it has nothing. */
function syntaxFault(file: string, text: string, bytes: Uint8Array): BundleFault | undefined {
  if (!isUtf8(bytes)) return { file, line: 1, column: 1, reason: 'is not valid UTF-8' };
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    const [, what = said, position] = /^(.*?)(?: in JSON)? at position ([0-9]+)/s.exec(said) ?? [];
    return faultAt(file, text, Number(position ?? text.length), `is not JSON: ${what}`);
  }
}

/** The path of an RFC 6901 pointer. */
function pathOf(pointer: string): string[] {
  const steps = pointer.split('/').slice(1);
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
