import type { Asked } from '../question.ts';
import type { Conditions } from './conditions.ts';
import { type Prepared, preparePolicies, prepareSchema } from './prepared.ts';
import { Recent } from './recent.ts';
import type { Decided } from './slices.ts';

/** What Cedar said of conditions, each list in the order of the ids. */
export interface Said {
  /** The permits that match; empty when a forbid does. */
  readonly permits: readonly string[];
  /** The forbids that match. */
  readonly forbids: readonly string[];
  /** The policies that could not be evaluated. */
  readonly failed: readonly string[];
  /** Why they could not, one text each, or why Cedar would not look at the question. */
  readonly errors: readonly string[];
}

export const NOTHING_SAID: Said = { permits: [], forbids: [], failed: [], errors: [] };

/** How many sets of policies Cedar keeps parsed for one bundle. */
const MAX_PREPARED = 512;
const MAX_REMEMBERED = 10_000;
/** UTF-16 units; what reads more, such as long claims, is asked each time. */
const MAX_KEY_LENGTH = 4_096;

/** Cedar, asked about the conditions of one bundle. */
export interface Ask {
  /** What Cedar says, or said before of all the same. Throws on text that Cedar cannot hold; that is not remembered. */
  about(conditions: Conditions, asked: Asked): Said;
  /** Frees what Cedar keeps parsed. What is asked later is parsed for that one question. */
  retire(): void;
}

export function createAsk(bundle: Decided): Ask {
  const remembered = new Recent<Said>(MAX_REMEMBERED);
  const prepared = new Recent<Prepared>(MAX_PREPARED, (one) => one.giveBack());
  let schema: Prepared | undefined;
  let retired = false;
  const schemaName = () => {
    schema ??= prepareSchema(bundle.schema);
    return schema.name;
  };
  const free = () => {
    prepared.clear();
    schema?.giveBack();
    schema = undefined;
  };

  const ask = (conditions: Conditions, asked: Asked): { readonly said: Said; readonly fit: boolean } => {
    const at = String(conditions.number);
    const { name } = prepared.get(at) ?? prepared.add(at, preparePolicies(conditions.policies));
    try {
      const answer = conditions.ask(asked, name, schemaName);
      if (answer.type === 'failure') {
        return { said: { ...NOTHING_SAID, errors: answer.errors.map(({ message }) => message) }, fit: false };
      }
      const { decision, diagnostics } = answer.response;
      const reasons = diagnostics.reason.sort();
      const errors = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`);
      const said = {
        permits: decision === 'allow' ? reasons : [],
        forbids: decision === 'allow' ? [] : reasons,
        failed: [...new Set(diagnostics.errors.map(({ policyId }) => policyId))].sort(),
        errors: errors.sort(),
      };
      return { said, fit: true };
    } finally {
      if (retired) free();
    }
  };

  return {
    about(conditions, asked) {
      const key = `${conditions.number} ${conditions.key(asked)}`;
      const before = remembered.get(key);
      if (before !== undefined) return before;
      const { said, fit } = ask(conditions, asked);
      if (fit && key.length <= MAX_KEY_LENGTH) remembered.add(key, said);
      return said;
    },
    retire() {
      retired = true;
      free();
    },
  };
}
