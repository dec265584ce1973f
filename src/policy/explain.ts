import type { RandomBytes } from '../mint/ids.ts';
import type { DecisionRecord } from '../mint/records.ts';
import { createDecide } from './decide.ts';
import { createFindings, type Finding } from './findings.ts';
import type { Bundle } from './load.ts';
import { questionOf, type Trial } from './trial.ts';

/** Why a request is allowed or refused. */
export interface Explanation {
  readonly decision: Omit<DecisionRecord, 'id'>;
  /** Every policy of the bundle, in its order; `decides` when the decision is owed to it. */
  readonly findings: readonly (Finding & { readonly decides: boolean })[];
}

/** Decides a request as the broker would at `now` (epoch milliseconds) and tells what each policy makes of it. */
export function explain(
  bundle: Bundle,
  trial: Trial,
  { randomBytes, now }: { readonly randomBytes: RandomBytes; readonly now: number },
): Explanation {
  const question = questionOf(trial, now);
  const { id: _, ...decision } = createDecide(bundle, { randomBytes, name: 'tried' })(question);
  const findings = createFindings(bundle)(question).map((finding) => ({
    ...finding,
    decides: decision.policies.includes(finding.id),
  }));
  return { decision, findings };
}
