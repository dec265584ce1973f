import { isAuthorized, type PolicyJson, type TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Policy } from '../policies.ts';
import { type Asked, cedarQuestion } from '../question.ts';
import type { Decided } from './slices.ts';

const ALL = { op: 'All' } as const;

/**
 * The policies whose scope fits the action of a question, whatever its other parts. Groups of actions stand in the
 * schema, so Cedar is asked about what is `in` them. Throws when Cedar does not take the question.
 */
export function policiesForAction(bundle: Decided, asked: Asked): ReadonlySet<Policy> {
  const asksCedar = new Map<string, boolean>();
  const fits = (action: PolicyJson['action']): boolean => {
    if (action.op === 'All') return true;
    if (action.op === '==') return 'entity' in action && isAction(action.entity, asked.action);
    const entities = 'entities' in action ? action.entities : [action.entity];
    if (entities.some((entity) => isAction(entity, asked.action))) return true;
    const scope = JSON.stringify(action);
    const known = asksCedar.get(scope) ?? isIn(bundle, asked, action);
    asksCedar.set(scope, known);
    return known;
  };
  return new Set(bundle.policies.filter(({ json }) => fits(json.action)));
}

function isAction(entity: { __entity: TypeAndId } | TypeAndId, action: string): boolean {
  const { type, id } = '__entity' in entity ? entity.__entity : entity;
  return type === 'Action' && id === action;
}

function isIn({ schema, memberships }: Decided, asked: Asked, action: PolicyJson['action']): boolean {
  const policy: PolicyJson = { effect: 'permit', principal: ALL, action, resource: ALL, conditions: [] };
  const answer = isAuthorized({
    ...cedarQuestion(asked, memberships),
    schema,
    policies: { staticPolicies: { policy } },
  });
  if (answer.type === 'failure') throw new Error(`Cedar: ${answer.errors[0]?.message ?? 'refused'}`);
  return answer.response.decision === 'allow';
}
