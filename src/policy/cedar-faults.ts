import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';
import { type BundleFault, faultAt } from './faults.ts';

/** Cedar's own words before the ones that matter: it does not know our files, and positions stand in the fault. */
const PREAMBLE =
  /^(?:failed to parse (?:policy|policies|schema)(?: with id `[^`]*`)? from string: |for policy `[^`]*`, |error parsing schema: )+/;

/** What Cedar reports, related faults included, as faults of a file. `start` is where in `text` Cedar began to read. */
export function cedarFaults(
  file: string,
  text: string,
  start: number,
  errors: readonly DetailedError[],
): BundleFault[] {
  return errors.flatMap((error) => {
    const [place] = error.sourceLocations ?? [];
    const offset = start + unitsOf(text.slice(start), place?.start ?? 0);
    const parts = [error.message.replace(PREAMBLE, ''), place?.label, error.help];
    const reason = parts.filter((part) => typeof part === 'string').join('; ');
    return [faultAt(file, text, offset, reason), ...cedarFaults(file, text, start, error.related ?? [])];
  });
}

/** Cedar counts UTF-8 bytes, JavaScript UTF-16 units. */
function unitsOf(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}
