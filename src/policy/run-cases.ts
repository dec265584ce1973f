import type { RandomBytes } from '../mint/ids.ts';
import type { DecisionRecord } from '../mint/records.ts';
import type { Case } from './cases.ts';
import { createDecide } from './decide.ts';
import { createFindings, type Finding } from './findings.ts';
import type { Bundle } from './load.ts';
import { questionOf } from './trial.ts';

/** A Monday morning: when a case is asked that has no `time`, so that it comes out the same on every day. */
const WHEN_NOT_SAID = Date.UTC(2026, 0, 5, 10);

/** What became of one case. */
export interface CaseResult {
  readonly tested: Case;
  readonly passed: boolean;
  readonly decision: DecisionRecord;
}

/** How far the cases reach one policy. */
interface Reach {
  readonly id: string;
  /** How many cases it matched in; undefined when it is about another action than minting, which is all that cases ask. */
  readonly matchedIn: number | undefined;
}

/** What became of a bundle's cases. */
interface CasesReport {
  readonly results: readonly CaseResult[];
  /** Every policy of the bundle, in its order. */
  readonly reach: readonly Reach[];
}

/**
 * Decides each case as the broker would. A case also fails when a policy could not be evaluated for it: a refusal that
 * is owed to a broken policy is not the one that its author meant.
 */
export function runCases(
  bundle: Bundle,
  cases: readonly Case[],
  { randomBytes }: { readonly randomBytes: RandomBytes },
): CasesReport {
  const decide = createDecide(bundle, { randomBytes, name: 'tried' });
  const findings = createFindings(bundle);
  const found: Finding[][] = [];
  const results = cases.map((tested) => {
    const question = questionOf(tested.trial, tested.trial.time ?? WHEN_NOT_SAID);
    const decision = decide(question);
    found.push(findings(question));
    const passed = decision.allow === (tested.expected === 'allow') && decision.errors.length === 0;
    return { tested, passed, decision };
  });
  const reach = bundle.policies.map(({ id }, index) => {
    const its = found.flatMap((all) => all[index] ?? []);
    const elsewhere = its.length > 0 && its.every(({ misfits }) => misfits.includes('action'));
    const matched = its.filter(({ outcome }) => outcome === 'matches').length;
    return { id, matchedIn: elsewhere ? undefined : matched };
  });
  return { results, reach };
}
