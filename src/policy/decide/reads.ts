import type { Clause, Expr } from '@cedar-policy/cedar-wasm/nodejs';
import { claimInput, INPUTS, type Input } from '../question.ts';
import { isObject, pathOf } from './expressions.ts';

/** Conditions, and all that they read of a question. */
export interface Reading {
  /** The same conditions over a flat context, whose members are called by the paths of `inputs`. */
  readonly clauses: readonly Clause[];
  readonly inputs: ReadonlyMap<string, Input>;
  /** Which of these is looked at itself, not only its attributes. */
  readonly entities: ReadonlySet<'principal' | 'resource'>;
  /** Whether it is asked what an entity is in. */
  readonly hierarchy: boolean;
}

const ADDRESS = 'context.sourceAddress';
/** Records that every question has. */
const RECORDS: ReadonlySet<string> = new Set(['context.time', 'context.claims']);

/**
 * Finds out what conditions read, and puts them so that no more needs to be handed to Cedar, and that cheaply: a
 * member of a record costs Cedar twice what one of the context does, and an address four times what text does. So
 * `context.claims.x` becomes the member `context.claims.x` of the context, and `context.sourceAddress` becomes `ip`
 * of text. Undefined when anything is not plainly understood, such as `context` itself being compared.
 */
export function readingOf(clauses: readonly Clause[]): Reading | undefined {
  const inputs = new Map<string, Input>();
  const entities = new Set<'principal' | 'resource'>();
  let hierarchy = false;

  const member = (path: string): Expr => ({ '.': { left: { Var: 'context' }, attr: path } });
  const found = (steps: readonly string[]): string => {
    const path = steps.join('.');
    const input = INPUTS.get(path) ?? claimAt(path);
    // An attribute may have a dot in its name, and then is not two.
    if (input === undefined || steps.some((step) => step.includes('.'))) throw new NotUnderstood();
    inputs.set(path, input);
    return path;
  };

  const read = (path: readonly string[]): Expr => {
    const [variable] = path;
    if (path.length === 1) {
      if (variable === 'principal' || variable === 'resource') entities.add(variable);
      else if (variable !== 'action') throw new NotUnderstood();
      return { Var: variable };
    }
    const name = found(path);
    return name === ADDRESS ? { ip: [member(name)] } : member(name);
  };

  const has = (path: readonly string[]): Expr => {
    if (path.length === 2 && RECORDS.has(path.join('.'))) return { Value: true };
    return { has: { left: { Var: 'context' }, attr: found(path) } };
  };

  const flat = (expr: unknown): Expr => {
    const path = pathOf(expr);
    if (path !== undefined) return read(path);
    const [[op, operand] = ['', undefined], ...more] = isObject(expr) ? Object.entries(expr) : [];
    if (more.length > 0) throw new NotUnderstood();
    // `as`, here and below: what Cedar gave as an expression, with expressions in the place of expressions.
    if (op === 'Value') return expr as Expr;
    if (op === 'Record' && isObject(operand)) {
      return { Record: Object.fromEntries(Object.entries(operand).map(([key, one]) => [key, flat(one)])) };
    }
    if (Array.isArray(operand)) return { [op]: operand.map(flat) } as Expr;
    if (!isObject(operand) || !OPERATORS.has(op)) throw new NotUnderstood();
    if (op === 'has') {
      const left = pathOf(operand['left']);
      const attrs = [operand['attr']].flat();
      if (left === undefined || !attrs.every((attr) => typeof attr === 'string')) throw new NotUnderstood();
      return has([...left, ...attrs]);
    }
    if (op === 'in' || operand['in'] !== undefined) {
      // What an entity is in is known of those that are asked about alone; that of actions, by the schema.
      const [variable, ...attrs] = pathOf(operand['left']) ?? [];
      if (attrs.length > 0 || (variable !== 'principal' && variable !== 'resource'))
        throw new NotUnderstood();
      hierarchy = true;
    }
    const parts = Object.entries(operand).map(([key, one]) => [key, PARTS.has(key) ? flat(one) : one]);
    return { [op]: Object.fromEntries(parts) } as Expr;
  };

  try {
    const put = clauses.map(({ kind, body }) => ({ kind, body: flat(body) }));
    return { clauses: put, inputs, entities, hierarchy };
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

class NotUnderstood extends Error {}

/** Those whose parts are read one by one, and by nothing else than their value. */
const OPERATORS: ReadonlySet<string> = new Set([
  '!',
  'neg',
  'isEmpty',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '&&',
  '||',
  '+',
  '-',
  '*',
  'in',
  'is',
  'has',
  'like',
  'contains',
  'containsAll',
  'containsAny',
  'if-then-else',
]);
/** Which members of an operator are expressions. */
const PARTS: ReadonlySet<string> = new Set(['left', 'right', 'arg', 'if', 'then', 'else', 'in']);

function claimAt(path: string): Input | undefined {
  const [, name] = /^context\.claims\.(\w+)$/.exec(path) ?? [];
  return name === undefined ? undefined : claimInput(name);
}
