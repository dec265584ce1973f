import { BundleError, loadPolicy, readCases, unavailable } from '../../compose-commands.ts';
import { onlyWord, readWords, type Say } from '../arguments.ts';
import { coloured } from '../colours.ts';
import { jsonText, orFaults, sayRemarks } from './open.ts';
import type { Command } from './policy.ts';

/** `policy check DIR [--json]`: whether the broker would take the bundle. */
export const check: Command = {
  usage: 'check DIR [--json]',
  summary: 'tells whether the broker would take the bundle, and what is wrong with it',
  help: `  --json              faults, warnings and notes as a JSON array on stdout

All that the bundle is made of is read, its cases too; \`policy test\` runs them.
Faults, warnings and notes go to stderr as file:line:column: reason. Warnings and notes do not fail. A note tells of an
obligation that this version does not enforce: the broker refuses to load the bundle.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, { json: { type: 'boolean' } });
  const folder = onlyWord(positionals, 'DIR');
  if (values.json) return checkJson(folder, say);
  const read = await orFaults(() => readWhole(folder), say);
  if (read === undefined) return 1;
  sayRemarks('warning', read.bundle.warnings, say);
  sayRemarks('note', unavailable(read.bundle), say);
  const { policies, memberships, digest } = read.bundle;
  const counts = [
    counted(policies.length, 'policy', 'policies'),
    counted(memberships.teamsOf.size, 'service', 'services'),
    counted(memberships.groupsOf.size, 'admin', 'admins'),
    counted(read.cases.length, 'case', 'cases'),
  ];
  say.log(`${coloured('ok:', 'good')} ${counts.join(', ')}, digest ${digest}`);
  return 0;
}

/** Says faults, warnings and notes as one JSON array, and nothing else. */
async function checkJson(folder: string, say: Say): Promise<number> {
  try {
    const { bundle } = await readWhole(folder);
    const warnings = bundle.warnings.map((warning) => ({ severity: 'warning', ...warning }));
    const notes = unavailable(bundle).map((note) => ({ severity: 'note', ...note }));
    say.log(jsonText([...warnings, ...notes]));
    return 0;
  } catch (fault) {
    if (!(fault instanceof BundleError)) throw fault;
    say.log(jsonText(fault.faults.map((one) => ({ severity: 'error', ...one }))));
    return 1;
  }
}

/** A broken case keeps a bundle from being loaded as much as a broken policy does. Throws a `BundleError`. */
async function readWhole(folder: string) {
  const bundle = await loadPolicy(folder);
  return { bundle, cases: await readCases(bundle) };
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
