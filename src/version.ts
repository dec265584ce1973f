import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { projectFile } from './project-files.ts';

/** The version of this broker, from package.json. */
export const version: string = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(projectFile('package.json'), 'utf8'))).version;
