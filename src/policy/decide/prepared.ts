import { type Policy, preparsePolicySet, preparseSchema } from '@cedar-policy/cedar-wasm/nodejs';

/**
 * The names under which Cedar keeps what it has parsed. It keeps it for the whole process and for as long as that
 * lives, and so the names are the process's: each is somebody's until it is given back, and then somebody else's.
 */
const free: string[] = [];
let made = 0;

/** How many names there ever were. */
export function namesMade(): number {
  return made;
}

/** What Cedar keeps parsed, until it is given back. */
export interface Prepared {
  readonly name: string;
  /** Cedar forgets it; the name is not to be used again. */
  giveBack(): void;
}

/** Has Cedar parse policies, by their ids. Throws when Cedar does not take them. */
export function preparePolicies(staticPolicies: Record<string, Policy>): Prepared {
  return prepare((name) => preparsePolicySet(name, { staticPolicies }), emptied);
}

/** Has Cedar parse a schema. Throws when Cedar does not take it. */
export function prepareSchema(schema: string): Prepared {
  return prepare(
    (name) => preparseSchema(name, schema),
    (name) => preparseSchema(name, ''),
  );
}

function emptied(name: string): void {
  preparsePolicySet(name, { staticPolicies: {} });
}

function prepare(
  parse: (name: string) => ReturnType<typeof preparseSchema>,
  forget: (name: string) => void,
): Prepared {
  const name = free.pop() ?? `decide ${++made}`;
  const giveBack = () => {
    forget(name);
    free.push(name);
  };
  const answer = parse(name);
  if (answer.type === 'success') return { name, giveBack };
  giveBack();
  throw new Error(`Cedar: ${answer.errors[0]?.message ?? 'refused'}`);
}
