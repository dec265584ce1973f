/** Cedar's expressions as its JSON has them: an object with the operator as its one member. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A variable and the attributes after it; undefined for any other expression. */
export function pathOf(expr: unknown): string[] | undefined {
  if (!isObject(expr)) return undefined;
  const { Var: variable, '.': access } = expr;
  if (typeof variable === 'string') return [variable];
  if (!isObject(access) || typeof access['attr'] !== 'string') return undefined;
  const left = pathOf(access['left']);
  return left && [...left, access['attr']];
}
