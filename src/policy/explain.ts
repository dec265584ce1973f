import type { RandomBytes } from '../mint/ids.ts';
import type { DecisionRecord } from '../mint/records.ts';
import { createDecide } from './decide.ts';
import { createFindings, type Finding } from './findings.ts';
import type { Bundle } from './load.ts';
import { effectiveTtl } from './obligations.ts';
import { questionOf, type Trial } from './trial.ts';

/** Why a request is allowed or refused. */
export interface Explanation {
  readonly decision: Omit<DecisionRecord, 'id'>;
  /** How long the token would live, in seconds; null when it has no end, and when there is no token. */
  readonly ttlS: number | null;
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
  const { decide, retire } = createDecide(bundle, { randomBytes });
  const { id: _, ...decision } = decide(question);
  retire();
  const findings = createFindings(bundle)(question).map((finding) => ({
    ...finding,
    decides: decision.policies.includes(finding.id),
  }));
  const ttlS = decision.allow ? effectiveTtl(decision.obligations, question.ttlS) : null;
  return { decision, ttlS, findings };
}
