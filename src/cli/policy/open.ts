import { BundleError, printFault } from '../../compose-commands.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { BundleFault } from '../../policy/faults.ts';
import type { Say } from '../arguments.ts';
import { coloured } from '../colours.ts';

/** What `read` gives; undefined when a bundle's files have faults, which are then told on stderr, one a line. */
export async function orFaults<T>(read: () => Promise<T>, say: Say): Promise<T | undefined> {
  try {
    return await read();
  } catch (fault) {
    if (!(fault instanceof BundleError)) throw fault;
    for (const one of fault.faults) say.error(printFault(one));
    return undefined;
  }
}

/** Tells what is no fault on stderr, as faults are told, with a word for what it is. */
export function sayRemarks(word: 'warning' | 'note', remarks: readonly BundleFault[], say: Say): void {
  for (const remark of remarks) {
    const place = printFault({ ...remark, reason: '' });
    const reason = printFault(remark).slice(place.length);
    say.error(`${place}${coloured(`${word}:`, 'doubtful', 'stderr')} ${reason}`);
  }
}

/** JSON for people and programs: what a terminal might obey stands as its `\u` escape, which means the same in JSON. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).split('\n').map(escapeUnfit).join('\n');
}
