import { problemTable } from './http/problem-docs.ts';
import { envExample, settingsTables } from './settings-docs.ts';

/** A file of the docs that is made, whole or in part, from what the code says. */
export interface GeneratedDoc {
  /** Its path below the top folder. */
  readonly path: string;
  /** The file as it must be, given the file as it is. Throws when it lacks the marks around what is generated. */
  readonly from: (current: string) => string;
}

/** All of them; `npm run docs` writes them, and a test holds that they are up to date. */
export const GENERATED_DOCS: readonly GeneratedDoc[] = [
  { path: '.env.example', from: envExample },
  { path: 'README.md', from: (current) => between(current, 'settings', settingsTables()) },
  { path: 'docs/callers.md', from: (current) => between(current, 'problems', problemTable()) },
];

/** Puts `content` between the two marks that `name` has in a Markdown file. */
function between(current: string, name: string, content: string): string {
  const begin = `<!-- ${name}: made by \`npm run docs\` -->\n`;
  const end = `<!-- end of ${name} -->`;
  const [from, to] = [current.indexOf(begin) + begin.length, current.indexOf(end)];
  if (from < begin.length || to < from)
    throw new Error(`the file lacks the marks around the table of ${name}`);
  return `${current.slice(0, from)}\n${content}\n${current.slice(to)}`;
}
