import { randomBytes } from 'node:crypto';
import { loadPolicy, readCases, runCases } from '../../compose.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { CaseResult } from '../../policy/run-cases.ts';
import { onlyWord, readWords, type Say } from '../arguments.ts';
import { orFaults } from './open.ts';

/** `policy test DIR`: whether each case of the bundle comes out as it says. */
export async function test(words: readonly string[], say: Say): Promise<number> {
  const folder = onlyWord(readWords(words, {}).positionals, 'DIR');
  const read = await orFaults(async () => {
    const bundle = await loadPolicy(folder);
    return { bundle, cases: await readCases(bundle) };
  }, say);
  if (read === undefined) return 1;
  if (read.cases.length === 0) {
    say.error('nothing is tested: there is no case in tests/allow/*.json and tests/deny/*.json');
    return 1;
  }
  const { results, reach } = runCases(read.bundle, read.cases, { randomBytes });
  for (const result of results) say.log(escapeUnfit(lineOf(result)));
  say.log('');
  for (const { id, matchedIn } of reach) {
    if (matchedIn === undefined) say.log(`${id}: not about minting, which is all that cases ask for`);
    else say.log(`${matchedIn === 0 ? 'UNTESTED ' : ''}${id}: matched in ${matchedIn} of ${results.length}`);
  }
  const failed = results.filter(({ passed }) => !passed).length;
  say.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function lineOf({ tested, passed, decision }: CaseResult): string {
  const { expected, sentence, file } = tested;
  if (passed) return `ok    ${expected.padEnd(5)}  ${sentence}`;
  const by = decision.policies.length > 0 ? ` by ${decision.policies.join(', ')}` : '';
  const why = decision.allow ? `allowed${by}` : `refused, ${decision.reason}${by}`;
  const errors = decision.errors.length > 0 ? `; could not be evaluated: ${decision.errors.join('; ')}` : '';
  return `FAIL  ${expected.padEnd(5)}  ${sentence}: ${why}${errors} (${file})`;
}
