import { schemaToJsonWithResolvedTypes } from '@cedar-policy/cedar-wasm/nodejs';
import { z } from 'zod';
import type { BundleFault } from './faults.ts';
import type { DeclaredIssuer } from './load.ts';
import { ACTIONS } from './question.ts';
import type { ReadYaml } from './yaml.ts';

/** A type as Cedar's JSON schema has it; a type of one's own stands there by its name. */
const typeSchema = z.object({
  type: z.string(),
  name: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).default({}),
  element: z.unknown().optional(),
  required: z.boolean().default(true),
});
type CedarType = z.output<typeof typeSchema>;

/**
 * Each claim that `issuers.yaml` declares stands in the schema's `context.claims`, optional and with the same type, or
 * else a token that has it, or lacks it, would make a question that the schema does not allow. Throws when Cedar does
 * not take the schema.
 */
export function claimFaults(
  yaml: ReadYaml<{ readonly issuers: readonly DeclaredIssuer[] }>,
  schema: string,
): BundleFault[] {
  const answer = schemaToJsonWithResolvedTypes(schema);
  if (answer.type === 'failure') throw new Error(`Cedar: ${answer.errors[0]?.message ?? 'refused'}`);
  const { actions = {}, commonTypes = {} } = answer.json[''] ?? {};
  const resolved = (given: unknown): CedarType => {
    const type = typeSchema.parse(given);
    const own = new Map(Object.entries(commonTypes)).get(type.name ?? type.type);
    return own === undefined ? type : { ...resolved(own), required: type.required };
  };
  const spelt = (given: unknown): string => {
    const { type, name, element } = resolved(given);
    if (type === 'Set') return `Set<${spelt(element)}>`;
    const plain = (name ?? type).replace(/^__cedar::/, '');
    return plain === 'Boolean' ? 'Bool' : plain;
  };
  const claimsOf = (action: string): ReadonlyMap<string, unknown> => {
    const context = new Map(Object.entries(actions)).get(action)?.appliesTo?.context;
    const claims = context === undefined ? undefined : resolved(context).attributes['claims'];
    return new Map(claims === undefined ? [] : Object.entries(resolved(claims).attributes));
  };

  const declaredAs = new Map<string, string>();
  const faults: BundleFault[] = [];
  for (const [index, { claims }] of (yaml.value?.issuers ?? []).entries()) {
    for (const [name, { type }] of Object.entries(claims)) {
      const fault = (reason: string) => faults.push(yaml.at(['issuers', index, 'claims', name], reason));
      const above = declaredAs.get(name) ?? type;
      declaredAs.set(name, above);
      if (above !== type) {
        fault(
          `\`${name}\` is ${above} at an issuer above, and a claim has one type; give one of them another name`,
        );
        continue;
      }
      const missing = ACTIONS.map((action) => claimsOf(action).get(name)).map((known) => {
        const write = `write \`${name}?: ${type}\` into the type of \`claims\` in schema.cedarschema`;
        if (known === undefined) return `policies cannot read \`${name}\`; ${write}`;
        if (spelt(known) !== type)
          return `\`${name}\` is ${spelt(known)} in the schema, not ${type}; ${write}`;
        return resolved(known).required ? `a token may lack \`${name}\`; ${write}` : undefined;
      });
      const first = missing.find((reason) => reason !== undefined);
      if (first !== undefined) fault(first);
    }
  }
  return faults;
}
