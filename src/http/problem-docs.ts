import { PROBLEMS } from '../mint/problems.ts';

/** The table of problems that docs/callers.md shows, made from the one that the code uses. */
export function problemTable(): string {
  const rows = Object.entries(PROBLEMS)
    .toSorted(([, a], [, b]) => a.status - b.status)
    .map(
      ([name, { status, title, advice, retry }]) =>
        `| ${status} | \`${name}\` | ${title} ${advice} | ${retry ? 'yes' : ''} |`,
    );
  return `| status | problem | what it means, and what to do | \`Retry-After\` |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}
