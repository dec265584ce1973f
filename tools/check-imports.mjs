// Checks the import rule over `dist/`, from the top folder of the project. dependency-cruiser is content when it
// finds nothing to read; this is not.
import { cruise, format } from 'dependency-cruiser';
import rules from './import-rule.cjs';

/** A module count below this means that the build, or the reading of it, is broken. */
const FEWEST = { 'dist/src/': 40, 'dist/src/mint/': 10, 'dist/simulator/': 10, 'dist/demo/': 5 };

const { options, ...ruleSet } = rules;
const { output: result } = await cruise(['dist'], { ...options, ruleSet, validate: true });
const { output, exitCode } = await format(result, { outputType: 'err-long' });
process.stdout.write(output);
if (exitCode !== 0) process.exitCode = 1;

for (const [folder, fewest] of Object.entries(FEWEST)) {
  const seen = result.modules.filter(({ source }) => source.startsWith(folder)).length;
  console.log(`${seen} modules in ${folder}`);
  if (seen >= fewest) continue;
  console.error(`Fewer than ${fewest} modules in ${folder}: is dist/ built and readable?`);
  process.exitCode = 1;
}
