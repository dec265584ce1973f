import { randomBytes } from 'node:crypto';
import { eachRecord } from './audit/read.ts';
import { loadPolicy } from './compose-bundle.ts';
import { whatCan, whoCan } from './policy/access.ts';
import { readCases } from './policy/cases.ts';
import { createDecide } from './policy/decide.ts';
import { type Diff, DiffRun } from './policy/diff.ts';
import { explain } from './policy/explain.ts';
import { BundleError, printFault } from './policy/faults.ts';
import { unavailable } from './policy/load.ts';
import { runCases } from './policy/run-cases.ts';
import { trialSchema } from './policy/trial.ts';

// What commands are made from; they need not wait for all of the broker.
export {
  BundleError,
  explain,
  loadPolicy,
  printFault,
  readCases,
  runCases,
  trialSchema,
  unavailable,
  whatCan,
  whoCan,
};

/**
 * Asks a bundle what the audit log says was asked since then (epoch ms), and compares. Throws a `BundleError`, and an
 * `Error` when the log cannot be read.
 */
export async function diffPolicy(folder: string, auditPath: string, since: number): Promise<Diff> {
  const bundle = await loadPolicy(folder);
  const { decide } = createDecide(bundle, { randomBytes });
  const run = new DiffRun({ bundle, decide });
  await eachRecord(auditPath, (record) => {
    if (Date.parse(record.time) >= since) run.consider(record);
  }).catch((fault: unknown) => {
    const reason =
      fault instanceof Error && 'code' in fault ? String(fault.code) : 'it holds what is no record';
    throw new Error(`the audit log ${auditPath} cannot be read (${reason})`);
  });
  return run.result();
}
