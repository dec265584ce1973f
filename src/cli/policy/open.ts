import { BundleError, printFault } from '../../compose.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { Say } from '../arguments.ts';

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

/** JSON for people and programs: what a terminal might obey stands as its `\u` escape, which means the same in JSON. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).split('\n').map(escapeUnfit).join('\n');
}
