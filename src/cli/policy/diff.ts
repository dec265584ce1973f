import { join } from 'node:path';
import { diffPolicy } from '../../compose-commands.ts';
import { systemClock } from '../../mint/clock.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { ChangedGroup, Diff } from '../../policy/diff.ts';
import type { Verdict } from '../../policy/replay.ts';
import { onlyWord, readWords, type Say, UsageFault } from '../arguments.ts';
import { jsonText, orFaults } from './open.ts';
import type { Command } from './policy.ts';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** As diff(1) and `terraform plan` have it: 0 no change, 1 a fault, 2 something would change. */
const EXIT_CHANGES = 2;

/** `policy diff DIR [--since 7d] [--audit DIR]`: which recorded decisions another bundle would change. */
export const diff: Command = {
  usage: 'diff DIR [--since 7d] [--audit DIR] [--json]',
  summary: 'tells which decisions of the audit log would come out otherwise by the bundle',
  help: `  --since TIME        how far back, as 30m, 12h or 7d [7d]
  --audit DIR         the folder of the audit log [AUDIT_DIR]
  --json              as JSON

The log has all that a decision rests on, so the bundle is asked exactly what was asked then. The broker is not asked.
Requests of one caller for one admin that would come out the same are one line, with their number and the last of them.
Exit codes, beside those of all commands: 2 some decisions would change.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, {
    since: { type: 'string' },
    audit: { type: 'string' },
    json: { type: 'boolean' },
  });
  const folder = onlyWord(positionals, 'DIR');
  const auditDir = values.audit ?? process.env['AUDIT_DIR'];
  if (!auditDir)
    throw new UsageFault('--audit is missing: the folder of the audit log, AUDIT_DIR when that is set');
  const since = systemClock.now() - periodOf(values.since ?? '7d');
  const found = await orFaults(() => diffPolicy(folder, join(auditDir, 'audit.jsonl'), since), say);
  if (found === undefined) return 1;
  if (values.json) say.log(jsonText({ since: new Date(since).toISOString(), ...found }));
  else for (const line of linesOf(found, since)) say.log(escapeUnfit(line));
  return found.compared === found.unchanged ? 0 : EXIT_CHANGES;
}

/** `7d`, `12h`, `30m`, in milliseconds. */
function periodOf(text: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,5})([mhd])$/.exec(text) ?? [];
  if (unit !== 'm' && unit !== 'h' && unit !== 'd')
    throw new UsageFault('--since must be a time such as 30m, 12h or 7d');
  return Number(count) * UNIT_MS[unit];
}

const HEADINGS = [
  ['would-refuse', 'would be refused'],
  ['would-allow', 'would be allowed'],
  ['reason', 'would be refused for another reason'],
  ['obligations', 'would be asked for something else'],
] as const;

function* linesOf(diff: Diff, since: number): Generator<string> {
  const changed = diff.compared - diff.unchanged;
  yield `${diff.compared} decisions since ${new Date(since).toISOString()}; ${changed} would change`;
  for (const [change, heading] of HEADINGS) {
    const groups = diff.groups.filter((group) => group.change === change);
    if (groups.length === 0) continue;
    yield '';
    yield `${heading}: ${groups.reduce((sum, { count }) => sum + count, 0)}`;
    for (const group of groups) yield* groupLines(group);
  }
  if (diff.ungrouped > 0) yield `\nand ${diff.ungrouped} more, of callers and admins that are not listed`;
  if (diff.unseenClaims.length > 0) {
    yield '';
    yield 'These claims are declared and stand in no record, so what policies make of them is not shown:';
    for (const name of diff.unseenClaims) yield `  ${name}`;
  }
}

function* groupLines({ count, last }: ChangedGroup): Generator<string> {
  yield `  ${count} × ${last.principal} for admin ${last.adminId}: ${said(last.before)}, then ${said(last.after)}`;
  yield `      last ${last.time}, decision ${last.decisionId}`;
}

function said({ allow, reason, policies }: Verdict): string {
  const by = policies.length > 0 ? ` by ${policies.join(', ')}` : '';
  return allow ? `allowed${by}` : `refused, ${reason}${by}`;
}
