import { checkParseEntities, type EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { z } from 'zod';
import {
  adminEntity,
  type DeclaredEntities,
  entitiesSchema,
  type Memberships,
  membershipsOf,
  serviceEntity,
} from './entities.ts';
import { BundleError, type BundleFault } from './faults.ts';
import { readBundleFiles } from './files.ts';
import { type Policy, parsePolicies, undeclaredNames, validatePolicies } from './policies.ts';
import { checkSchema } from './schema.ts';
import { membershipWarnings } from './warnings.ts';
import { type ReadYaml, readYaml } from './yaml.ts';

/** What policy needs to know of an issuer. */
export interface DeclaredIssuer {
  readonly alias: string;
  readonly issuer: string;
}

/** A whole bundle, checked; it never changes. */
export interface Bundle<I extends DeclaredIssuer = DeclaredIssuer> {
  /** The real path that was read. */
  readonly folder: string;
  /** SHA-256 over the names and contents of its files, hex; not of those that `issuers.yaml` names. */
  readonly digest: string;
  readonly issuers: readonly I[];
  readonly schema: string;
  readonly policies: readonly Policy[];
  readonly memberships: Memberships;
  /** What may be meant, but is worth a look. */
  readonly warnings: readonly BundleFault[];
}

/**
 * Reads and checks a policy bundle: `schema.cedarschema`, `policies/*.cedar`, `entities.yaml`, and `issuers.yaml` by
 * the schema that is handed in, made for the folder that was really read. Throws a `BundleError` with all faults at
 * once when anything is wrong: there is no bundle with less in it than its files say.
 */
export async function loadBundle<I extends DeclaredIssuer>(
  folder: string,
  issuersSchema: (folder: string) => z.ZodType<{ readonly issuers: readonly I[] }>,
): Promise<Bundle<I>> {
  const files = await readBundleFiles(folder);
  const faults = [...files.faults];
  const take = <T extends { readonly faults: readonly BundleFault[] }>(part: T): T => {
    faults.push(...part.faults);
    return part;
  };
  const text = (name: string) => files.texts.get(name);

  const issuersText = text('issuers.yaml');
  const issuers =
    issuersText === undefined
      ? undefined
      : take(await readYaml('issuers.yaml', issuersText, issuersSchema(files.folder)));
  const entitiesText = text('entities.yaml');
  const entities =
    entitiesText === undefined
      ? undefined
      : take(await readYaml('entities.yaml', entitiesText, entitiesSchema));
  const policyTexts = new Map([...files.texts].filter(([name]) => name.startsWith('policies/')));
  const parsed = take(parsePolicies(policyTexts));
  const schema = text('schema.cedarschema');
  const schemaFaults = schema === undefined ? [] : checkSchema(schema);
  faults.push(...schemaFaults);

  if (schema !== undefined && schemaFaults.length === 0) {
    faults.push(...validatePolicies(parsed.policies, schema, policyTexts));
    if (entities?.value !== undefined)
      faults.push(...undeclaredNames(parsed.policies, entities.value, policyTexts));
    if (entities?.value !== undefined && issuers?.value !== undefined) {
      faults.push(...checkEntities(entities, entities.value, issuers.value.issuers, schema));
    }
  }
  if (faults.length > 0 || schema === undefined || !entities?.value || !issuers?.value) {
    throw new BundleError(folder, faults);
  }
  return {
    folder: files.folder,
    digest: files.digest,
    issuers: issuers.value.issuers,
    schema,
    policies: parsed.policies,
    memberships: membershipsOf(entities.value),
    warnings: membershipWarnings(entities, entities.value),
  };
}

/** Services are those of declared issuers, and every entity conforms to the schema. */
function checkEntities(
  yaml: ReadYaml<DeclaredEntities>,
  declared: DeclaredEntities,
  issuers: readonly DeclaredIssuer[],
  schema: string,
): BundleFault[] {
  const memberships = membershipsOf(declared);
  const urls = new Map(issuers.map(({ alias, issuer }) => [alias, issuer]));
  const faults: BundleFault[] = [];
  const conforming: { path: PropertyKey[]; entity: EntityJson }[] = [];
  for (const [index, { issuer: alias, subject }] of declared.services.entries()) {
    const issuer = urls.get(alias);
    if (issuer === undefined) {
      faults.push(yaml.at(['services', index, 'issuer'], `issuers.yaml declares no issuer \`${alias}\``));
    } else {
      const entity = serviceEntity({ issuer, alias, subject }, memberships);
      conforming.push({ path: ['services', index], entity });
    }
  }
  for (const [index, { id }] of declared.admins.entries()) {
    conforming.push({ path: ['admins', index], entity: adminEntity(id, memberships) });
  }
  const misfit = (entities: EntityJson[]) => {
    const answer = checkParseEntities({ entities, schema });
    return answer.type === 'failure' ? (answer.errors[0]?.message ?? 'does not conform') : undefined;
  };
  // One call for all, since each parses the schema again; only when it fails is each asked alone, for its line.
  if (misfit(conforming.map(({ entity }) => entity)) === undefined) return faults;
  for (const { path, entity } of conforming) {
    const message = misfit([entity]);
    if (message !== undefined) faults.push(yaml.at(path, message));
  }
  return faults;
}
