import { randomBytes } from 'node:crypto';
import { explain as explainTrial, loadPolicy, trialSchema } from '../../compose.ts';
import { systemClock } from '../../mint/clock.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { Explanation } from '../../policy/explain.ts';
import { onlyWord, readWords, type Say, UsageFault } from '../arguments.ts';
import { jsonText, orFaults } from './open.ts';

const FLAGS = {
  as: { type: 'string' },
  admin: { type: 'string' },
  note: { type: 'string' },
  status: { type: 'string' },
  type: { type: 'string' },
  reason: { type: 'string' },
  from: { type: 'string' },
  at: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Members of a request that are written by flags of other names. */
const FLAG_OF: Readonly<Record<string, string>> = { sourceAddress: 'from', time: 'at' };

/** `policy explain DIR --as ALIAS:SUBJECT --admin ID …`: what becomes of a request, and why. */
export async function explain(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, FLAGS);
  const folder = onlyWord(positionals, 'DIR');
  for (const name of ['as', 'admin'] as const) {
    if (values[name] === undefined) throw new UsageFault(`--${name} is missing`);
  }
  const bundle = await orFaults(() => loadPolicy(folder), say);
  if (bundle === undefined) return 1;
  const { from, at, json, admin, status, ...rest } = values;
  const asked = { ...rest, admin: numberOf(admin), status: numberOf(status), sourceAddress: from, time: at };
  const trial = trialSchema(bundle.issuers).safeParse(asked);
  if (!trial.success) {
    const faults = trial.error.issues.map(({ path, message }) => {
      const member = String(path[0]);
      return `--${FLAG_OF[member] ?? member} ${message}`;
    });
    throw new UsageFault(faults.join('; '));
  }
  const explanation = explainTrial(bundle, trial.data, {
    randomBytes,
    now: trial.data.time ?? systemClock.now(),
  });
  if (json) say.log(jsonText(explanation));
  else for (const line of linesOf(explanation)) say.log(escapeUnfit(line));
  return 0;
}

/** A number as a flag writes it; any other text is left to the schema, which refuses it. */
function numberOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : text;
}

function linesOf({ decision, findings }: Explanation): string[] {
  const by = decision.policies.length > 0 ? ` by ${decision.policies.join(', ')}` : '';
  const lines = [decision.allow ? `allowed${by}` : `refused, ${decision.reason}${by}`, ''];
  for (const { id, file, effect, outcome, misfits, error, decides } of findings) {
    const said = {
      matches: decides ? 'matches, and decides' : 'matches, and is overruled',
      scope: `does not match: its scope is of another ${misfits.join(' and ')}`,
      condition: 'does not match: its condition does not hold',
      fails: `could not be evaluated, so nothing is allowed: ${error}`,
    }[outcome];
    lines.push(`${effect.padEnd(6)} ${id} (${file}) ${said}`);
  }
  return lines;
}
