import { BundleError, loadPolicy, printFault } from '../../compose.ts';
import { onlyWord, readWords, type Say } from '../arguments.ts';
import { jsonText, orFaults } from './open.ts';

/** `policy check DIR [--json]`: whether the broker would take the bundle. */
export async function check(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, { json: { type: 'boolean' } });
  const folder = onlyWord(positionals, 'DIR');
  if (values.json) return checkJson(folder, say);
  const bundle = await orFaults(() => loadPolicy(folder), say);
  if (bundle === undefined) return 1;
  for (const warning of bundle.warnings)
    say.error(printFault({ ...warning, reason: `warning: ${warning.reason}` }));
  const { policies, memberships, digest } = bundle;
  const counts = [
    counted(policies.length, 'policy', 'policies'),
    counted(memberships.teamsOf.size, 'service', 'services'),
    counted(memberships.groupsOf.size, 'admin', 'admins'),
  ];
  say.log(`ok: ${counts.join(', ')}, digest ${digest}`);
  return 0;
}

/** Says faults and warnings as one JSON array, and nothing else. */
async function checkJson(folder: string, say: Say): Promise<number> {
  try {
    const { warnings } = await loadPolicy(folder);
    say.log(jsonText(warnings.map((warning) => ({ severity: 'warning', ...warning }))));
    return 0;
  } catch (fault) {
    if (!(fault instanceof BundleError)) throw fault;
    say.log(jsonText(fault.faults.map((one) => ({ severity: 'error', ...one }))));
    return 1;
  }
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
