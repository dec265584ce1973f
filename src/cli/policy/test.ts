import { randomBytes } from 'node:crypto';
import { loadPolicy, readCases, runCases, unavailable } from '../../compose-commands.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { BundleFault } from '../../policy/faults.ts';
import type { CaseResult, CasesReport } from '../../policy/run-cases.ts';
import { onlyWord, readWords, type Say } from '../arguments.ts';
import { coloured } from '../colours.ts';
import { jsonText, orFaults, sayRemarks } from './open.ts';
import type { Command } from './policy.ts';

/** `policy test DIR [--json]`: whether each case of the bundle comes out as it says. */
export const test: Command = {
  usage: 'test DIR [--json]',
  summary: 'decides the bundle’s own cases, and tells what none of them touches',
  help: `  --json              as JSON

The cases are tests/allow/*.json and tests/deny/*.json. The exit code is 1 when one comes out otherwise.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, { json: { type: 'boolean' } });
  const folder = onlyWord(positionals, 'DIR');
  const read = await orFaults(async () => {
    const bundle = await loadPolicy(folder);
    return { bundle, cases: await readCases(bundle) };
  }, say);
  if (read === undefined) return 1;
  if (read.cases.length === 0) {
    say.error('nothing is tested: there is no case in tests/allow/*.json and tests/deny/*.json');
    return 1;
  }
  const report = runCases(read.bundle, read.cases, { randomBytes });
  const notes = unavailable(read.bundle);
  if (values.json) say.log(jsonText(jsonOf(report, notes)));
  else {
    sayRemarks('note', notes, say);
    sayReport(report, say);
  }
  return report.results.every(({ passed }) => passed) ? 0 : 1;
}

function sayReport({ results, reach }: CasesReport, say: Say): void {
  for (const result of results)
    say.log(`${result.passed ? coloured('ok  ', 'good') : coloured('FAIL', 'bad')}  ${lineOf(result)}`);
  say.log('');
  for (const { id, matchedIn } of reach) {
    const untested = matchedIn === 0 ? `${coloured('UNTESTED', 'doubtful')} ` : '';
    if (matchedIn === undefined) say.log(`${id}: not about minting, which is all that cases ask for`);
    else say.log(`${untested}${id}: matched in ${matchedIn} of ${results.length}`);
  }
  const failed = results.filter(({ passed }) => !passed).length;
  const sum = `${results.length - failed} passed, ${failed} failed`;
  say.log(`\n${coloured(sum, failed === 0 ? 'good' : 'bad')}`);
}

function lineOf({ tested, passed, decision }: CaseResult): string {
  const { expected, sentence, file } = tested;
  const line = `${expected.padEnd(5)}  ${sentence}`;
  if (passed) return escapeUnfit(line);
  const by = decision.policies.length > 0 ? ` by ${decision.policies.join(', ')}` : '';
  const why = decision.allow ? `allowed${by}` : `refused, ${decision.reason}${by}`;
  const what = decision.reason === 'claim-type' ? '; ' : '; could not be evaluated: ';
  const errors = decision.errors.length > 0 ? `${what}${decision.errors.join('; ')}` : '';
  return escapeUnfit(`${line}: ${why}${errors} (${file})`);
}

function jsonOf({ results, reach }: CasesReport, notes: readonly BundleFault[]) {
  return {
    cases: results.map(({ tested, passed, decision }) => {
      const { file, sentence, expected } = tested;
      const { allow, reason, policies, errors, obligations } = decision;
      return { file, sentence, expected, passed, decision: { allow, reason, policies, errors, obligations } };
    }),
    policies: reach.map(({ id, matchedIn = null }) => ({ id, matchedIn })),
    notes,
  };
}
