import { newDecisionId, type RandomBytes } from '../mint/ids.ts';
import type { Decide, Question } from '../mint/ports.ts';
import type { DecisionRecord } from '../mint/records.ts';
import { createAsk, NOTHING_SAID, type Said } from './decide/ask.ts';
import { Unsure } from './decide/plain.ts';
import { createSlices, type Decided, type Plain, type Slice } from './decide/slices.ts';
import { inputOf } from './input.ts';
import { strictest, unmet } from './obligations.ts';
import { faultOf } from './question.ts';

export type { Decided };

type Verdict = Pick<DecisionRecord, 'allow' | 'reason' | 'policies' | 'errors' | 'obligations'>;

const MAX_ERRORS = 10;
const MAX_ERROR_LENGTH = 500;

/** Decides by one bundle. */
export interface Decider {
  readonly decide: Decide;
  /** Frees what Cedar keeps for it. It may still be asked after that, at the cost of having Cedar parse again. */
  retire(): void;
}

/**
 * Gives what decides by one bundle; several can live at a time. The cost of a decision does not grow with the bundle:
 * of its policies those are looked at whose scopes hold. Of these, plain conditions are told here; Cedar is asked about
 * the others, with no more than they read, and not again while what they read is the same.
 *
 * Allowed is what Cedar allows *without any error*: a `forbid` whose condition fails is skipped by Cedar, and its
 * decision stays allow. Then the request must have what the permits that match ask for.
 */
export function createDecide(
  bundle: Decided,
  { randomBytes }: { readonly randomBytes: RandomBytes },
): Decider {
  const obligations = new Map(bundle.policies.map((policy) => [policy.id, policy.obligations]));
  const ask = createAsk(bundle);
  const slices = createSlices(bundle);

  const said = ({ plain, others, conditions }: Slice, question: Question): Said[] => {
    try {
      const plainly = plainlySaid(plain, question);
      return others === null ? [plainly] : [plainly, ask.about(others, question)];
    } catch (error) {
      if (error instanceof Unsure) return [ask.about(conditions, question)];
      throw error;
    }
  };

  const judge = (question: Question): Verdict => {
    const { misfitClaims } = question.principal;
    if (misfitClaims.length > 0) {
      const errors = misfitClaims.map(
        (name) => `the claim \`${name}\` is not of the type that is declared for it`,
      );
      return { ...refusal([], errors), reason: 'claim-type' };
    }
    const fault = faultOf(question);
    if (fault !== undefined) return refusal([], [fault]);
    const slice = slices.of(question);
    const verdict = weigh(slice, said(slice, question));
    if (!verdict.allow) return verdict;
    const asked = verdict.policies.flatMap((id) => obligations.get(id) ?? []);
    const strict = strictest(asked);
    const { ttlS, wrap, keyed, request } = question;
    const lack = strict && unmet(strict, { reason: request.reason, wrap, keyed, ttlS });
    return { ...verdict, allow: lack === null, reason: lack, obligations: strict };
  };

  const decide: Decide = (question) => {
    let verdict: Verdict;
    try {
      verdict = judge(question);
    } catch (error) {
      // The wasm module throws on text that it cannot hold, and when it has no memory.
      verdict = refusal([], [error instanceof Error ? error.message : 'Cedar failed']);
    }
    return {
      id: newDecisionId(randomBytes),
      ...verdict,
      bundle: bundle.digest,
      input: inputOf(question, bundle.memberships),
    };
  };
  return { decide, retire: () => ask.retire() };
}

/** What plain policies come to, as Cedar would say it. Throws `Unsure`. */
function plainlySaid(policies: readonly Plain[], question: Question): Said {
  const permits: string[] = [];
  const forbids: string[] = [];
  for (const { id, effect, holds } of policies) {
    if (holds(question)) (effect === 'permit' ? permits : forbids).push(id);
  }
  return { ...NOTHING_SAID, permits, forbids };
}

/** What it all comes to, by Cedar's own rule: one forbid is enough to refuse, and without a permit nothing is allowed. */
function weigh(slice: Slice, said: readonly Said[]): Verdict {
  let { permits, forbids }: Pick<Said, 'permits' | 'forbids'> = slice;
  let { failed, errors } = NOTHING_SAID;
  for (const one of said) {
    permits = inOrder(permits, one.permits);
    forbids = inOrder(forbids, one.forbids);
    failed = inOrder(failed, one.failed);
    errors = inOrder(errors, one.errors);
  }
  if (forbids.length > 0) return refusal(forbids, errors);
  if (permits.length === 0) return refusal([], errors);
  // What an allow came to nothing by is named, not the permit that it overruled.
  if (errors.length > 0) return refusal(failed, errors);
  return { allow: true, reason: null, policies: permits, errors: [], obligations: null };
}

/** One list of two, each of which is in order. */
function inOrder(some: readonly string[], more: readonly string[]): readonly string[] {
  if (more.length === 0) return some;
  return some.length === 0 ? more : [...some, ...more].sort();
}

/**
 * `forbidden` when some policy had a say: a forbid that matched, or one that failed while a permit matched, since it
 * may have been a forbid. `no-permit` when none had.
 */
function refusal(policies: readonly string[], errors: readonly string[]): Verdict {
  return {
    allow: false,
    reason: policies.length > 0 ? 'forbidden' : 'no-permit',
    policies,
    errors: errors.slice(0, MAX_ERRORS).map((text) => text.slice(0, MAX_ERROR_LENGTH).toWellFormed()),
    obligations: null,
  };
}
