import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { type Issuer, issuersSchema } from './identity/issuers.ts';
import { readCases } from './policy/cases.ts';
import { BundleError, type BundleFault } from './policy/faults.ts';
import { fingerprint } from './policy/fingerprint.ts';
import { type Bundle, loadBundle, unavailable } from './policy/load.ts';
import { decideCases } from './policy/run-cases.ts';

/** A bundle that may be in force, and the fingerprint that its folder had before it was read. */
export interface FirstBundle {
  readonly bundle: Bundle<Issuer>;
  readonly seen: string;
}

/** Loads a bundle as the broker does, whether it can enforce it or not. Throws a `BundleError` with all its faults. */
export const loadPolicy = (folder: string): Promise<Bundle<Issuer>> => loadBundle(folder, issuersSchema);

/** The first bundle. Throws a `BundleError` when it is not fit to start with. */
export async function firstBundle(folder: string): Promise<FirstBundle> {
  const seen = await fingerprint(folder, []);
  return { bundle: await loadEnforceable(folder), seen };
}

/** What loading came to, as a thread can tell another. */
type LoadAnswer = { readonly bundle: Bundle<Issuer> } | { readonly faults: readonly BundleFault[] };

/** Loads a bundle; `enforceable`: one that may be in force. Throws what is no fault of the bundle's files. */
export async function loadAnswer(
  folder: string,
  { enforceable }: { readonly enforceable: boolean },
): Promise<LoadAnswer> {
  try {
    return { bundle: await (enforceable ? loadEnforceable(folder) : loadPolicy(folder)) };
  } catch (fault) {
    if (fault instanceof BundleError) return { faults: fault.faults };
    throw fault;
  }
}

/** Loads a bundle in a thread of its own, since requests must not wait for it. Throws a `BundleError`, and what keeps a thread from running. */
export async function loadApart(
  folder: string,
  how: { readonly enforceable: boolean },
): Promise<Bundle<Issuer>> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./policy-worker.${extension}`, import.meta.url), {
    workerData: { folder, ...how },
  });
  worker.unref();
  const answer = await new Promise<LoadAnswer>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread that loads the bundle ended without a word')));
  });
  if ('faults' in answer) throw new BundleError(folder, answer.faults);
  return answer.bundle;
}

/** Loads a bundle that can be enforced whole, and whose own cases come out as they say. Throws a `BundleError`. */
async function loadEnforceable(folder: string): Promise<Bundle<Issuer>> {
  const bundle = await loadPolicy(folder);
  const cases = decideCases(bundle, await readCases(bundle), { randomBytes });
  const failed = cases.flatMap(({ tested, passed, decision }): BundleFault[] => {
    if (passed) return [];
    const came = decision.allow ? 'allowed' : `refused, ${decision.reason}`;
    const by = decision.policies.length > 0 ? ` by ${decision.policies.join(', ')}` : '';
    const reason = `the case expects ${tested.expected}, and the request is ${came}${by}`;
    return [{ file: tested.file, line: 1, column: 1, reason }];
  });
  const faults = [...unavailable(bundle), ...failed];
  if (faults.length > 0) throw new BundleError(folder, faults);
  return bundle;
}
