import {
  type AuthorizationAnswer,
  type Policy as CedarPolicy,
  type Context,
  type EntityJson,
  statefulIsAuthorized,
  type TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { ClaimValue } from '../../mint/ports.ts';
import { adminEntity, type Memberships, serviceEntity } from '../entities.ts';
import type { Policy } from '../policies.ts';
import { type Asked, adminUid, cedarQuestion, type Input, serviceUid } from '../question.ts';
import type { Reading } from './reads.ts';

/** Policies whose scopes hold, so that their conditions alone are left to be asked about. */
export interface Conditions {
  /** No other of the same bundle has it. */
  readonly number: number;
  /** What Cedar is to parse, by id. */
  readonly policies: Record<string, CedarPolicy>;
  /** All that Cedar would be handed of a question: questions for which it is the same have the same answer. */
  key(asked: Asked): string;
  /** Asks Cedar, which has the policies under `name`. Throws on text that Cedar cannot hold. */
  ask(asked: Asked, name: string, schemaName: () => string): AuthorizationAnswer;
}

/** One policy that has conditions; `reading` is undefined when they were not understood. */
export interface Conditional {
  readonly policy: Policy;
  readonly reading: Reading | undefined;
}

const ALL = { op: 'All' } as const;
/** Stands for a principal or a resource that no condition looks at. */
const UNSEEN = '';

/**
 * Conditions that are all understood are put without their scopes, and asked with nothing but what they read. That
 * is not valid by the schema, and need not be: that questions are was seen when the bundle was loaded.
 */
export function flatConditions(
  number: number,
  conditionals: readonly (Conditional & { readonly reading: Reading })[],
  memberships: Memberships,
): Conditions {
  const inputs = new Map<string, Input>(conditionals.flatMap(({ reading }) => [...reading.inputs]));
  const sees = (one: 'principal' | 'resource') =>
    conditionals.some(({ reading }) => reading.entities.has(one));
  const principalSeen = sees('principal');
  const resourceSeen = sees('resource');
  const hierarchy = conditionals.some(({ reading }) => reading.hierarchy);
  const read = [...inputs.values()];
  const uidOf = (asked: Asked): [TypeAndId, TypeAndId] => [
    principalSeen ? serviceUid(asked) : { type: 'Service', id: UNSEEN },
    resourceSeen ? adminUid(asked) : { type: 'Admin', id: UNSEEN },
  ];
  return {
    number,
    policies: Object.fromEntries(
      conditionals.map(({ policy: { id, effect }, reading: { clauses } }) => [
        id,
        { effect, principal: ALL, action: ALL, resource: ALL, conditions: [...clauses] },
      ]),
    ),
    key(asked) {
      const values: (ClaimValue | undefined)[] = read.map((input) => input(asked));
      if (principalSeen) values.push(serviceUid(asked).id);
      if (resourceSeen) values.push(adminUid(asked).id);
      return JSON.stringify(values);
    },
    ask(asked, name) {
      const [principal, resource] = uidOf(asked);
      const context: Context = {};
      for (const [path, input] of inputs) {
        const value = input(asked);
        if (value !== undefined) context[path] = typeof value === 'object' ? [...value] : value;
      }
      const entities: EntityJson[] = [];
      if (hierarchy && principalSeen)
        entities.push({ ...serviceEntity(asked.principal, memberships), attrs: {} });
      if (hierarchy && resourceSeen) entities.push(adminEntity(asked.request.adminId, memberships));
      const action = { type: 'Action', id: asked.action };
      return statefulIsAuthorized({
        principal,
        action,
        resource,
        context,
        entities,
        preparsedPolicySetId: name,
      });
    },
  };
}

/** Conditions of which not all are understood are put as they were written, and asked with all there is. */
export function wholeConditions(
  number: number,
  conditionals: readonly Conditional[],
  memberships: Memberships,
): Conditions {
  return {
    number,
    policies: Object.fromEntries(conditionals.map(({ policy: { id, text } }) => [id, text])),
    key: (asked) => JSON.stringify(cedarQuestion(asked, memberships)),
    ask: (asked, name, schemaName) =>
      statefulIsAuthorized({
        ...cedarQuestion(asked, memberships),
        preparsedPolicySetId: name,
        preparsedSchemaName: schemaName(),
        validateRequest: true,
      }),
  };
}
