import type { RandomBytes } from '../mint/ids.ts';
import type { DecisionRecord } from '../mint/records.ts';
import type { Case } from './cases.ts';
import { createDecide } from './decide.ts';
import { createFindings } from './findings.ts';
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
export interface CasesReport {
  readonly results: readonly CaseResult[];
  /** Every policy of the bundle, in its order. */
  readonly reach: readonly Reach[];
}

/** Decides each case and tells what no policy of the bundle was reached by. */
export function runCases(
  bundle: Bundle,
  cases: readonly Case[],
  { randomBytes }: { readonly randomBytes: RandomBytes },
): CasesReport {
  const findings = createFindings(bundle);
  const found = cases.map((tested) => findings(askedBy(tested)));
  const reach = bundle.policies.map(({ id }, index) => {
    const its = found.flatMap((all) => all[index] ?? []);
    const elsewhere = its.length > 0 && its.every(({ misfits }) => misfits.includes('action'));
    const matched = its.filter(({ outcome }) => outcome === 'matches').length;
    return { id, matchedIn: elsewhere ? undefined : matched };
  });
  return { results: decideCases(bundle, cases, { randomBytes }), reach };
}

/**
 * Decides each case as the broker would. A case also fails when a policy could not be evaluated for it: a refusal that
 * is owed to a broken policy is not the one that its author meant. One that is owed to a claim of the wrong type is.
 */
export function decideCases(
  bundle: Bundle,
  cases: readonly Case[],
  { randomBytes }: { readonly randomBytes: RandomBytes },
): CaseResult[] {
  const { decide, retire } = createDecide(bundle, { randomBytes });
  const results = cases.map((tested) => {
    const decision = decide(askedBy(tested));
    const evaluated = decision.errors.length === 0 || decision.reason === 'claim-type';
    const passed = evaluated && decision.allow === (tested.expected === 'allow');
    return { tested, passed, decision };
  });
  retire();
  return results;
}

function askedBy({ trial }: Case) {
  return questionOf(trial, trial.time ?? WHEN_NOT_SAID);
}
