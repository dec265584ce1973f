import { styleText } from 'node:util';

/** What a colour stands for. */
const COLOURS = { good: 'green', bad: 'red', doubtful: 'yellow' } as const;

/**
 * Gives text its colour on the way to one of the process's streams, when that is a terminal that shows colours and
 * neither `NO_COLOR` nor `NODE_DISABLE_COLORS` is set; `FORCE_COLOR` forces it. Else the text stays as it is.
 */
export function coloured(text: string, as: keyof typeof COLOURS, to: 'stdout' | 'stderr' = 'stdout'): string {
  return styleText(COLOURS[as], text, { stream: process[to] });
}
