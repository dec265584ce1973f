#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { projectFile } from './project-files.ts';

// Compiled code is kept beside the code itself, and so is as trustworthy; Node's own choice, the temporary folder, is
// not. Where that cannot be written, as in the image, nothing is kept. It takes a third off a start.
enableCompileCache(projectFile('.cache/compiled'));

const { run } = await import('./cli/run.ts');
await run(process.argv.slice(2));
