import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { GENERATED_DOCS } from './generated-docs.ts';
import { projectFile } from './project-files.ts';

// Writes what the docs take from the code: the settings and the problems.
for (const { path, from } of GENERATED_DOCS) {
  const file = projectFile(path);
  writeFileSync(file, from(existsSync(file) ? readFileSync(file, 'utf8') : ''));
}
