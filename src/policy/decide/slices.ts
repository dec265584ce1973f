import type { Effect } from '@cedar-policy/cedar-wasm/nodejs';
import type { Bundle } from '../load.ts';
import type { Policy } from '../policies.ts';
import { type Action, type Asked, adminUid, serviceUid } from '../question.ts';
import { policiesForAction } from './actions.ts';
import { type Conditional, type Conditions, flatConditions, wholeConditions } from './conditions.ts';
import { type Holds, plainly } from './plain.ts';
import { type Reading, readingOf } from './reads.ts';
import { Recent } from './recent.ts';
import { Terms } from './scope.ts';

/** What decisions rest on of a bundle. */
export type Decided = Pick<Bundle, 'policies' | 'schema' | 'memberships' | 'digest'>;

/** The policies of a bundle whose scopes hold for a question; each list in the order of the ids. */
export interface Slice {
  /** The permits without conditions, which therefore match. */
  readonly permits: readonly string[];
  /** The forbids without conditions, likewise. */
  readonly forbids: readonly string[];
  /** Those that can mostly be decided without Cedar. */
  readonly plain: readonly Plain[];
  /** Those that cannot; null when there are none. */
  readonly others: Conditions | null;
  /** All that have conditions, for a question that is not plain. */
  readonly conditions: Conditions;
}

export interface Plain {
  readonly id: string;
  readonly effect: Effect;
  readonly holds: Holds;
}

/** Policies by their scopes. */
export interface Slices {
  of(asked: Asked): Slice;
}

/** How many slices are kept. A bundle has one for each set of teams that meets a set of groups in some question. */
const MAX_SLICES = 10_000;
const MAX_CONDITIONS = 4_096;

/**
 * Sorts the policies of a bundle by their scopes, once, so that a question meets only those that can match, however
 * many there are. Throws when the bundle has a template.
 */
export function createSlices(bundle: Decided): Slices {
  const { memberships } = bundle;
  const terms = new Terms();
  const scoped = bundle.policies
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .flatMap((policy) => {
      const principal = terms.add(policy.json.principal, 'Service');
      const resource = terms.add(policy.json.resource, 'Admin');
      if (principal === undefined || resource === undefined) return [];
      const reading = readingOf(policy.json.conditions);
      return [{ policy, reading, holds: reading && plainly(reading, memberships), principal, resource }];
    });
  const actions = new Map<Action, ReadonlySet<Policy>>();
  const fittingAction = (asked: Asked): ReadonlySet<Policy> => {
    const fitting = actions.get(asked.action) ?? policiesForAction(bundle, asked);
    actions.set(asked.action, fitting);
    return fitting;
  };

  const conditions = new Recent<Conditions>(MAX_CONDITIONS);
  let made = 0;
  const conditionsOf = (conditionals: readonly Conditional[]): Conditions => {
    const ids = conditionals.map(({ policy }) => policy.id).join();
    const before = conditions.get(ids);
    if (before !== undefined) return before;
    const number = made++;
    return conditions.add(
      ids,
      conditionals.every(isUnderstood)
        ? flatConditions(number, conditionals, memberships)
        : wholeConditions(number, conditionals, memberships),
    );
  };

  const sliceOf = (asked: Asked, principal: readonly number[], resource: readonly number[]): Slice => {
    const about = fittingAction(asked);
    const fitting = scoped.filter(
      (one) => principal.includes(one.principal) && resource.includes(one.resource) && about.has(one.policy),
    );
    const bare = fitting.flatMap(({ policy }) => (policy.json.conditions.length === 0 ? [policy] : []));
    const ids = (effect: Effect) => bare.flatMap((policy) => (policy.effect === effect ? [policy.id] : []));
    const conditionals = fitting.filter(({ policy }) => policy.json.conditions.length > 0);
    const others = conditionals.filter(({ holds }) => holds === undefined);
    return {
      permits: ids('permit'),
      forbids: ids('forbid'),
      plain: conditionals.flatMap(({ policy: { id, effect }, holds }) =>
        holds ? [{ id, effect, holds }] : [],
      ),
      others: others.length === 0 ? null : conditionsOf(others),
      conditions: conditionsOf(conditionals),
    };
  };

  const slices = new Recent<Slice>(MAX_SLICES);
  return {
    of(asked) {
      const service = serviceUid(asked);
      const principal = terms.fitting(service, memberships.teamsOf.get(service.id) ?? []);
      const resource = terms.fitting(adminUid(asked), memberships.groupsOf.get(asked.request.adminId) ?? []);
      const key = `${asked.action} ${principal.join()} ${resource.join()}`;
      return slices.get(key) ?? slices.add(key, sliceOf(asked, principal, resource));
    },
  };
}

function isUnderstood(one: Conditional): one is Conditional & { readonly reading: Reading } {
  return one.reading !== undefined;
}
