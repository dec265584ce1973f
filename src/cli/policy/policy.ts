import { escapeUnfit } from '../../mint/text.ts';
import { EX_USAGE, type Say, UsageFault } from '../arguments.ts';
import { didYouMean } from '../did-you-mean.ts';
import { check } from './check.ts';
import { diff } from './diff.ts';
import { explain } from './explain.ts';
import { test } from './test.ts';
import { whatCan } from './what-can.ts';
import { whoCan } from './who-can.ts';

/** A command of `lm-token-broker policy`. */
export interface Command {
  /** Its name, and what it takes. */
  readonly usage: string;
  /** What it does, as half a sentence for the list of commands. */
  readonly summary: string;
  /** Its flags, a line each, and what else its reader must know. */
  readonly help: string;
  /** Takes the words after its name, says what it finds, and gives the exit code. Throws a `UsageFault`. */
  readonly run: (words: readonly string[], say: Say) => Promise<number>;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['check', check],
  ['test', test],
  ['explain', explain],
  ['who-can', whoCan],
  ['what-can', whatCan],
  ['diff', diff],
]);

const PROGRAM = 'lm-token-broker policy';
const USAGE = `Usage: ${PROGRAM} COMMAND DIR [flags]`;
const BUNDLE = `DIR is a policy bundle: schema.cedarschema, policies/*.cedar, entities.yaml, issuers.yaml, tests/.`;
const EXIT_CODES =
  'Exit codes: 0 well; 1 the bundle has a fault, or a case came out otherwise; 2 of diff: decisions would change; 64 wrong words.';

/** `lm-token-broker policy …`: gives the exit code. */
export async function policy([name = '', ...words]: readonly string[], say: Say): Promise<number> {
  const command = COMMANDS.get(name);
  const flags = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  if ([name, ...flags].some((word) => word === '--help' || word === '-h')) {
    say.log(command === undefined ? listOfCommands() : helpOf(command));
    return 0;
  }
  try {
    if (command === undefined) throw new UsageFault(notACommand(name));
    return await command.run(words, say);
  } catch (fault) {
    const said = fault instanceof Error ? fault.message : 'unknown fault';
    say.error(`${PROGRAM}: ${escapeUnfit(said.replaceAll('\n', ' '))}`);
    if (!(fault instanceof UsageFault)) return 1;
    say.error(command === undefined ? USAGE : usageOf(command));
    say.error(`Try: ${PROGRAM} ${command === undefined ? '' : `${name} `}--help`);
    return EX_USAGE;
  }
}

function notACommand(name: string): string {
  if (name === '') return 'a command is missing';
  return `unknown command: ${name}${didYouMean(name, COMMANDS.keys())}`;
}

function listOfCommands(): string {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length));
  const lines = [...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `${USAGE}

${BUNDLE}

${lines.join('\n')}

${PROGRAM} COMMAND --help tells more of a command.
${EXIT_CODES}`;
}

function usageOf({ usage }: Command): string {
  return `Usage: ${PROGRAM} ${usage}`;
}

function helpOf(command: Command): string {
  const summary = `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`;
  return [usageOf(command), summary, command.help, BUNDLE, EXIT_CODES].join('\n\n');
}
