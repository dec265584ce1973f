import type { PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';

type Constraint = PolicyJson['principal'] | PolicyJson['resource'];

/** What a scope asks of the principal or the resource. */
type Term = 'any' | { readonly how: '==' | 'in'; readonly entity: TypeAndId };

/** `any`, for all scopes alike. */
const ANY = 0;

/**
 * The terms of all scopes of a bundle, each with a number. Those who ask, and those whom they ask about, are the same
 * to every scope when the same numbers fit them.
 */
export class Terms {
  readonly #equal = new Map<string, Map<string, number>>();
  readonly #within = new Map<string, Map<string, number>>();
  #last = ANY;

  /**
   * The number of what a scope asks; undefined when nothing of that type can fit. Throws on the slot of a template,
   * which a bundle cannot have.
   */
  add(constraint: Constraint, type: 'Service' | 'Admin'): number | undefined {
    const term = termOf(constraint, type);
    if (term === undefined || term === 'any') return term && ANY;
    const { how, entity } = term;
    const types = how === '==' ? this.#equal : this.#within;
    const ids = types.get(entity.type) ?? new Map<string, number>();
    types.set(entity.type, ids);
    const number = ids.get(entity.id) ?? ++this.#last;
    ids.set(entity.id, number);
    return number;
  }

  /** The numbers that fit an entity and what it is in. Teams and groups are in nothing themselves. */
  fitting(uid: TypeAndId, parents: readonly TypeAndId[]): number[] {
    const numbers = [ANY];
    const note = (number: number | undefined) => {
      if (number !== undefined) numbers.push(number);
    };
    note(this.#equal.get(uid.type)?.get(uid.id));
    note(this.#within.get(uid.type)?.get(uid.id)); // `in` is reflexive
    for (const { type, id } of parents) note(this.#within.get(type)?.get(id));
    return numbers;
  }
}

function termOf(constraint: Constraint, type: 'Service' | 'Admin'): Term | undefined {
  if (constraint.op === 'All') return 'any';
  if (constraint.op === 'is') {
    if (constraint.entity_type !== type) return undefined;
    return constraint.in === undefined ? 'any' : { how: 'in', entity: entityOf(constraint.in) };
  }
  return { how: constraint.op, entity: entityOf(constraint) };
}

function entityOf(constraint: { entity: TypeAndId | { __entity: TypeAndId } } | { slot: string }): TypeAndId {
  if ('slot' in constraint) throw new Error('Cedar: a bundle has no templates');
  return '__entity' in constraint.entity ? constraint.entity.__entity : constraint.entity;
}
