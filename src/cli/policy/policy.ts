import { escapeUnfit } from '../../mint/text.ts';
import { EX_USAGE, type Say, UsageFault } from '../arguments.ts';
import { check } from './check.ts';
import { explain } from './explain.ts';
import { test } from './test.ts';

/** A command: takes the words after its name, says what it finds, and gives the exit code. */
type Command = (words: readonly string[], say: Say) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['check', check],
  ['test', test],
  ['explain', explain],
]);

const USAGE = `Usage: lm-token-broker policy check DIR [--json]
       lm-token-broker policy test DIR
       lm-token-broker policy explain DIR --as ALIAS:SUBJECT --admin ID [what is asked] [--json]`;

const HELP = `${USAGE}

DIR is a policy bundle: schema.cedarschema, policies/*.cedar, entities.yaml, issuers.yaml, tests/.

check      Loads the bundle as the broker does. Faults go to stderr as file:line:column: reason.
           Warnings, which do not fail: services in no team, admins in no group.
           --json             all of them as a JSON array on stdout
test       Decides the requests in tests/allow/*.json and tests/deny/*.json and tells which came out otherwise, and
           which policies matched in none of them.
explain    Decides one request and tells what each policy makes of it.
           --as ALIAS:SUBJECT who asks: an alias of issuers.yaml, and the token's subject
           --admin ID         the LogicMonitor user that the token is for
           --note TEXT        [none]
           --status 1|2       [2]
           --type TYPE        "API token" or bearer [API token]
           --reason TEXT      [none]
           --from ADDRESS     the caller's network address [127.0.0.1]
           --at TIME          UTC, as in 2026-01-05T10:00:00Z [now]
           --json             as JSON

Exit codes: 0 well; 1 the bundle has a fault, or a case came out otherwise; 64 wrong words.
explain gives 0 whether the request is allowed or not.`;

/** `lm-token-broker policy …`: gives the exit code. */
export async function policy([name = '', ...words]: readonly string[], say: Say): Promise<number> {
  const commandWords = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  if ([name, ...commandWords].some((word) => word === '--help' || word === '-h')) {
    say.log(HELP);
    return 0;
  }
  try {
    const command = COMMANDS.get(name);
    if (command === undefined)
      throw new UsageFault(name === '' ? 'a command is missing' : `unknown command: ${name}`);
    return await command(words, say);
  } catch (fault) {
    const usage = fault instanceof UsageFault;
    const said = fault instanceof Error ? fault.message : 'unknown fault';
    say.error(`lm-token-broker policy: ${escapeUnfit(said.replaceAll('\n', ' '))}`);
    if (usage) say.error(USAGE);
    return usage ? EX_USAGE : 1;
  }
}
