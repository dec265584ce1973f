import { type ParseArgsConfig, parseArgs } from 'node:util';
import { didYouMean } from './did-you-mean.ts';

/** sysexits(3): wrong words on the command line. */
export const EX_USAGE = 64;

/** Words that do not make a command; the message names the one at fault. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

/** Where a command's lines go. */
export type Say = Pick<Console, 'log' | 'error'>;

/** The flags of a command, and the words that are none. */
type Read<F extends ParseArgsConfig['options']> = ReturnType<
  typeof parseArgs<{ options: F; allowPositionals: true; strict: true; tokens: true; args: string[] }>
>;

/**
 * Reads the words after a command by its flags. Throws a `UsageFault`; a flag that stands twice and is not `multiple`
 * is one.
 */
export function readWords<F extends NonNullable<ParseArgsConfig['options']>>(
  words: readonly string[],
  options: F,
): Pick<Read<F>, 'values' | 'positionals'> {
  const read = (() => {
    try {
      return parseArgs({ args: [...words], options, allowPositionals: true, strict: true, tokens: true });
    } catch (fault) {
      throw new UsageFault(fault instanceof Error ? flagFault(fault.message, options) : 'no command');
    }
  })();
  const seen = new Set<string>();
  for (const token of read.tokens) {
    if (token.kind !== 'option') continue;
    if (seen.has(token.name) && !options[token.name]?.multiple)
      throw new UsageFault(`--${token.name} stands twice`);
    seen.add(token.name);
  }
  return read;
}

/** The one word that a command takes beside its flags. Throws a `UsageFault` when there is another number of them. */
export function onlyWord(positionals: readonly string[], name: string): string {
  const [word, ...more] = positionals;
  if (word === undefined || word === '') throw new UsageFault(`${name} is missing`);
  if (more.length > 0) throw new UsageFault(`unexpected: ${more.join(' ')}`);
  return word;
}

/** A number as a flag writes it; any other text is left to a schema, which refuses it. */
export function numberOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : text;
}

/** Node's words for what it has against the flags; for one that it does not know, what may have been meant. */
function flagFault(message: string, options: object): string {
  const [said, flag] = /^Unknown option '(--[^']+)'/.exec(message) ?? [message];
  if (flag === undefined) return said;
  const known = Object.keys(options).map((name) => `--${name}`);
  return `${said}${didYouMean(flag, known)}`;
}
