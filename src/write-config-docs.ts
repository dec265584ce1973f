import { readFileSync, writeFileSync } from 'node:fs';
import { envExample, settingsTables } from './config-docs.ts';
import { projectFile } from './project-files.ts';

/** Writes what the docs say of the settings: `.env.example`, and the tables between two marks of the README. */
const TABLES = /(<!-- settings: made by `npm run docs` -->\n)[\s\S]*(<!-- end of settings -->)/;

writeFileSync(projectFile('.env.example'), envExample());
const readme = readFileSync(projectFile('README.md'), 'utf8');
writeFileSync(
  projectFile('README.md'),
  readme.replace(TABLES, (_, begin: string, end: string) => `${begin}\n${settingsTables()}\n${end}`),
);
