import type { TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import type { Memberships } from '../entities.ts';
import { type Asked, adminUid, serviceUid } from '../question.ts';
import { isObject, pathOf } from './expressions.ts';

/** Tests who the principal or the resource is, or what it is in, by names that are written out; undefined for others. */
export function entityTest(
  op: string,
  operand: Readonly<Record<string, unknown>>,
  memberships: Memberships,
): ((asked: Asked) => boolean) | undefined {
  const [variable, ...attrs] = pathOf(operand['left']) ?? [];
  if (attrs.length > 0 || (variable !== 'principal' && variable !== 'resource')) return undefined;
  const uidOf = variable === 'principal' ? serviceUid : adminUid;
  const same = (a: TypeAndId, b: TypeAndId) => a.type === b.type && a.id === b.id;
  const other = operand[op === 'is' ? 'in' : 'right'];
  const isIn = (groups: readonly TypeAndId[] | undefined) => {
    if (groups === undefined) return undefined;
    const parentsOf = ({ id }: TypeAndId, { request }: Asked) =>
      variable === 'principal' ? memberships.teamsOf.get(id) : memberships.groupsOf.get(request.adminId);
    return (asked: Asked) => {
      const uid = uidOf(asked);
      const its = [uid, ...(parentsOf(uid, asked) ?? [])];
      return its.some((entity) => groups.some((group) => same(entity, group)));
    };
  };
  switch (op) {
    case '==':
    case '!=': {
      const named = entityOf(other);
      return named && ((asked) => same(uidOf(asked), named) === (op === '=='));
    }
    case 'in':
      return isIn(namedIn(other));
    case 'is':
      if (operand['entity_type'] !== (variable === 'principal' ? 'Service' : 'Admin')) return () => false;
      if (operand['in'] === undefined) return () => true;
      return isIn(namedIn(other));
    default:
      return undefined;
  }
}

/** The entities that are written out, one or a set of them. */
function namedIn(expr: unknown): TypeAndId[] | undefined {
  const elements = isObject(expr) && Array.isArray(expr['Set']) ? expr['Set'] : [expr];
  const named = elements.map(entityOf);
  return named.every((one) => one !== undefined) ? named : undefined;
}

function entityOf(expr: unknown): TypeAndId | undefined {
  const value = isObject(expr) ? expr['Value'] : undefined;
  const entity = isObject(value) ? value['__entity'] : undefined;
  if (!isObject(entity)) return undefined;
  const { type, id } = entity;
  return typeof type === 'string' && typeof id === 'string' ? { type, id } : undefined;
}
