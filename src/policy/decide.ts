import {
  type AuthorizationAnswer,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import { newDecisionId, type RandomBytes } from '../mint/ids.ts';
import type { Decide } from '../mint/ports.ts';
import type { DecisionRecord } from '../mint/records.ts';
import type { Bundle } from './load.ts';
import { cedarQuestion } from './question.ts';

const MAX_ERRORS = 10;
const MAX_ERROR_LENGTH = 500;

/**
 * Gives the function that decides by one bundle. Cedar keeps a parsed bundle under `name` for as long as the process
 * lives, so a bundle that replaces another takes its name, and the function of the replaced one must not be used again.
 *
 * Allowed is what Cedar allows *without any error*: a `forbid` whose condition fails is skipped by Cedar, and the
 * decision stays allow. Throws when Cedar does not take the bundle, which `loadBundle` has ruled out.
 */
export function createDecide(
  bundle: Bundle,
  { randomBytes, name = 'live' }: { randomBytes: RandomBytes; name?: string },
): Decide {
  const staticPolicies = Object.fromEntries(bundle.policies.map(({ id, text }) => [id, text]));
  for (const answer of [preparseSchema(name, bundle.schema), preparsePolicySet(name, { staticPolicies })]) {
    if (answer.type === 'failure') throw new Error(`Cedar: ${answer.errors[0]?.message ?? 'refused'}`);
  }
  return (question) => {
    const verdict = judge(() =>
      statefulIsAuthorized({
        ...cedarQuestion(question, bundle.memberships),
        preparsedPolicySetId: name,
        preparsedSchemaName: name,
        validateRequest: true,
      }),
    );
    return { id: newDecisionId(randomBytes), ...verdict, bundle: bundle.digest };
  };
}

/** Turns Cedar's answer, or whatever keeps it from answering, into a verdict. */
function judge(ask: () => AuthorizationAnswer): Omit<DecisionRecord, 'id' | 'bundle'> {
  try {
    const answer = ask();
    if (answer.type === 'failure')
      return refusal(
        [],
        answer.errors.map(({ message }) => message),
      );
    const { decision, diagnostics } = answer.response;
    const policies = [...diagnostics.reason].sort();
    const failed = [...new Set(diagnostics.errors.map(({ policyId }) => policyId))].sort();
    const errors = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`);
    if (decision === 'allow' && errors.length === 0) {
      return { allow: true, reason: null, policies, errors: [] };
    }
    // What an allow came to nothing by is named, not the permit that it overruled.
    return decision === 'allow' ? refusal(failed, errors) : refusal(policies, errors);
  } catch (error) {
    // The wasm module throws on text that it cannot hold, such as a lone surrogate.
    return refusal([], [error instanceof Error ? error.message : 'Cedar failed']);
  }
}

/**
 * `forbidden` when some policy had a say: a forbid that matched, or one that failed while a permit matched, since it
 * may have been a forbid. `no-permit` when none had.
 */
function refusal(
  policies: readonly string[],
  errors: readonly string[],
): Omit<DecisionRecord, 'id' | 'bundle'> {
  return {
    allow: false,
    reason: policies.length > 0 ? 'forbidden' : 'no-permit',
    policies,
    errors: errors.slice(0, MAX_ERRORS).map((text) => text.slice(0, MAX_ERROR_LENGTH).toWellFormed()),
  };
}
