import { readFileSync } from 'node:fs';
import t from 'tap';
import { GENERATED_DOCS } from '../src/generated-docs.ts';
import { PROBLEMS } from '../src/mint/problems.ts';
import { projectFile } from '../src/project-files.ts';
import { SETTINGS } from '../src/settings.ts';
import { envExample, helpText } from '../src/settings-docs.ts';

const names = Object.keys(SETTINGS);
const marks = ['<!-- settings: made by `npm run docs` -->\n', '<!-- end of settings -->'] as const;

/** What `npm run docs` would make of a file of this path. */
function made(path: string, current: string): string {
  const doc = GENERATED_DOCS.find((one) => one.path === path);
  if (doc === undefined) throw new Error(`${path} is not generated`);
  return doc.from(current);
}
const readmeWithTables = (readme: string): string => made('README.md', readme);

t.test('what is generated is up to date', async (t) => {
  for (const { path } of GENERATED_DOCS) {
    const current = readFileSync(projectFile(path), 'utf8');
    t.equal(current, made(path, current), `${path} is what \`npm run docs\` writes`);
  }
});

t.test('every problem has one line in docs/callers.md, with its status', async (t) => {
  const callers = readFileSync(projectFile('docs/callers.md'), 'utf8');
  for (const [name, { status }] of Object.entries(PROBLEMS)) {
    t.equal(callers.split(`| ${status} | \`${name}\` |`).length, 2, name);
  }
});

t.test(
  'every setting has one line in the README, in .env.example and in --help, with its default',
  async (t) => {
    const texts = {
      readme: readmeWithTables(marks.join('stale\n')),
      env: envExample(),
      help: helpText(),
    };
    for (const [name, setting] of Object.entries(SETTINGS)) {
      const given = 'default' in setting ? setting.default : '';
      const secret = 'secret' in setting;
      const row = `| \`${name}\`${secret ? ` or \`${name}_FILE\`` : ''} | ${given && `\`${given}\``} | ${setting.doc} |`;
      t.equal(texts.readme.split(row).length, 2, `${name} in the README`);
      t.equal(texts.env.split(`\n#${name}=${given}\n`).length, 2, `${name} in .env.example`);
      t.equal(texts.help.split(new RegExp(`^ {2}${name}(?: |$)`, 'm')).length, 2, `${name} in --help`);
      t.match(setting.doc, /\.$/, `${name} is told in sentences`);
      t.notMatch(setting.doc, /[|\n]/, `${name} fits into a table`);
    }
    t.notMatch(texts.readme, 'stale');
  },
);

t.test(
  'every line of .env.example is empty, a comment or a setting, so that a shell can read it',
  async (t) => {
    for (const line of envExample().trimEnd().split('\n')) t.match(line, /^(?:$|#)/);
  },
);

t.test('a README without the marks is a fault, and what stands around them stays', async (t) => {
  t.throws(() => readmeWithTables('# A readme'), /lacks the marks/);
  t.throws(() => readmeWithTables(marks.toReversed().join('')), /lacks the marks/);
  const readme = readmeWithTables(`# Before $& $1\n${marks.join('')}\nafter $'\n`);
  t.match(readme, /^# Before \$& \$1\n<!-- settings/);
  t.ok(readme.endsWith(`${marks[1]}\nafter $'\n`));
  t.equal(readmeWithTables(readme), readme, 'written again it is the same');
  for (const name of names) t.match(readme, name);
});
