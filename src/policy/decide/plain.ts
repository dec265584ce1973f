import type { ClaimValue } from '../../mint/ports.ts';
import type { Memberships } from '../entities.ts';
import type { Asked, Input } from '../question.ts';
import { ADDRESS_TESTS, rangeTest } from './address-tests.ts';
import { entityTest } from './entity-tests.ts';
import { isObject, pathOf } from './expressions.ts';
import { likeTest } from './like.ts';
import type { Reading } from './reads.ts';

/** Whether the conditions of one policy hold for a question. Throws `Unsure` when only Cedar can tell. */
export type Holds = (asked: Asked) => boolean;

/** Instead of an answer: a claim is not there, say, or one value is not of the type of the other. */
export class Unsure extends Error {}
/** One for all: nobody looks at where it came from. */
const UNSURE = new Unsure();

type Value = ClaimValue | readonly number[];
type Evaluate = (asked: Asked) => Value;

/**
 * Compiles conditions in which nothing can fail: text, integers and booleans compared, sums, `like`, `has`, `contains`,
 * ranges of addresses, who the principal and the admin are and what they are in, and what `&&`, `||`, `!` and `if`
 * make of these. Each crossing into Cedar costs several times what a decision may, and most rules are no more than
 * this. Undefined for all that is not as plain, which is Cedar's to say; and what Cedar says of these as well is what
 * the property test holds them to.
 */
export function plainly({ clauses, inputs }: Reading, memberships: Memberships): Holds | undefined {
  const evaluations: Evaluate[] = [];
  for (const { kind, body } of clauses) {
    const evaluate = compiled(body, inputs, memberships);
    if (evaluate === undefined) return undefined;
    evaluations.push(kind === 'when' ? evaluate : (asked) => !truth(evaluate(asked)));
  }
  return (asked) => evaluations.every((evaluate) => truth(evaluate(asked)));
}

type Compile = (expr: unknown) => Evaluate | undefined;

function compiled(
  body: unknown,
  inputs: ReadonlyMap<string, Input>,
  memberships: Memberships,
): Evaluate | undefined {
  const compile: Compile = (expr) => {
    if (!isObject(expr)) return undefined;
    const [, member, ...beyond] = pathOf(expr) ?? [];
    if (member !== undefined) {
      const input = beyond.length === 0 ? inputs.get(member) : undefined;
      return input && ((asked) => present(input(asked)));
    }
    const [[op, operand] = ['', undefined]] = Object.entries(expr);
    if (op === 'Value') {
      return typeof operand === 'string' || typeof operand === 'number' || typeof operand === 'boolean'
        ? () => operand
        : undefined;
    }
    if (Array.isArray(operand)) return op === 'Set' ? setOf(operand) : addressCall(op, operand, inputs);
    if (!isObject(operand)) return undefined;
    if (op === 'has') {
      const input = typeof operand['attr'] === 'string' ? inputs.get(operand['attr']) : undefined;
      return input && ((asked) => input(asked) !== undefined);
    }
    return entityTest(op, operand, memberships) ?? operator(op, operand, compile);
  };
  return compile(body);
}

function present(value: Value | undefined): Value {
  if (value === undefined) throw UNSURE;
  return value;
}

function truth(value: Value): boolean {
  if (typeof value !== 'boolean') throw UNSURE;
  return value;
}

/** Compares two values of one plain type; of others Cedar has more to say. */
function compared(test: (left: string | number | boolean, right: string | number | boolean) => boolean) {
  return (left: Value, right: Value): boolean => {
    if (typeof left === 'object' || typeof right === 'object' || typeof left !== typeof right) throw UNSURE;
    return test(left, right);
  };
}

/** Takes two integers; a result that JavaScript may not hold exactly is Cedar's, as is what overflows there. */
function calculated<T extends number | boolean>(test: (left: number, right: number) => T) {
  return (left: Value, right: Value): T => {
    if (typeof left !== 'number' || typeof right !== 'number') throw UNSURE;
    const result = test(left, right);
    if (typeof result === 'number' && !Number.isSafeInteger(result)) throw UNSURE;
    return result;
  };
}

function contains(set: Value, element: Value): boolean {
  if (typeof set !== 'object' || typeof element === 'object') throw UNSURE;
  return set.some((one) => {
    if (typeof one !== typeof element) throw UNSURE;
    return one === element;
  });
}

const BINARY: ReadonlyMap<string, (left: Value, right: Value) => Value> = new Map<
  string,
  (left: Value, right: Value) => Value
>([
  ['==', compared((left, right) => left === right)],
  ['!=', compared((left, right) => left !== right)],
  ['<', calculated((left, right) => left < right)],
  ['<=', calculated((left, right) => left <= right)],
  ['>', calculated((left, right) => left > right)],
  ['>=', calculated((left, right) => left >= right)],
  ['+', calculated((left, right) => left + right)],
  ['-', calculated((left, right) => left - right)],
  ['*', calculated((left, right) => left * right)],
  ['contains', contains],
]);

function operator(
  op: string,
  operand: Readonly<Record<string, unknown>>,
  compile: Compile,
): Evaluate | undefined {
  const [left, right] = [compile(operand['left']), compile(operand['right'])];
  if (op === 'like') {
    const test = Array.isArray(operand['pattern']) ? likeTest(operand['pattern']) : undefined;
    if (left === undefined || test === undefined) return undefined;
    return (asked) => {
      const text = left(asked);
      if (typeof text !== 'string') throw UNSURE;
      return test(text);
    };
  }
  if (op === '!') {
    const arg = compile(operand['arg']);
    return arg && ((asked) => !truth(arg(asked)));
  }
  if (op === 'if-then-else') {
    const [when, then, otherwise] = [
      compile(operand['if']),
      compile(operand['then']),
      compile(operand['else']),
    ];
    if (when === undefined || then === undefined || otherwise === undefined) return undefined;
    return (asked) => (truth(when(asked)) ? then(asked) : otherwise(asked));
  }
  if (left === undefined || right === undefined) return undefined;
  if (op === '&&') return (asked) => truth(left(asked)) && truth(right(asked));
  if (op === '||') return (asked) => truth(left(asked)) || truth(right(asked));
  const binary = BINARY.get(op);
  return binary && ((asked) => binary(left(asked), right(asked)));
}

/** A set of text or of integers that is written out. */
function setOf(elements: readonly unknown[]): Evaluate | undefined {
  const values = elements.map((element) => (isObject(element) ? element['Value'] : undefined));
  if (values.every((value) => typeof value === 'string')) return () => values;
  return values.every((value) => typeof value === 'number') ? () => values : undefined;
}

/** A test of the caller's address, which `reads.ts` puts as `ip` of text. */
function addressCall(
  name: string,
  [address, range]: readonly unknown[],
  inputs: ReadonlyMap<string, Input>,
): Evaluate | undefined {
  const path = pathOf(argumentOf('ip', address));
  const input = path?.length === 2 ? inputs.get(path[1] ?? '') : undefined;
  const literal = argumentOf('ip', range);
  const text = isObject(literal) ? literal['Value'] : undefined;
  const test = typeof text === 'string' && name === 'isInRange' ? rangeTest(text) : ADDRESS_TESTS.get(name);
  if (input === undefined || test === undefined) return undefined;
  return (asked) => {
    const value = input(asked);
    if (typeof value !== 'string') throw UNSURE;
    return test(value);
  };
}

/** The only argument of a call of that function. */
function argumentOf(name: string, expr: unknown): unknown {
  const given = isObject(expr) ? expr[name] : undefined;
  return Array.isArray(given) && given.length === 1 ? given[0] : undefined;
}
