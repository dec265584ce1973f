import type { z } from 'zod';
import { idleAdmins, idleServices, undeclaredIssuers } from './check-entities.ts';
import { claimFaults } from './declared-claims.ts';
import { entitiesSchema, type Memberships, membershipsOf } from './entities.ts';
import { BundleError, type BundleFault, faultAt, inOrder } from './faults.ts';
import { type ReadNamed, readBundleFiles } from './files.ts';
import { undeclaredNames } from './names.ts';
import { OBLIGATIONS, type ObligationName } from './obligation-annotations.ts';
import { type Policy, parsePolicies, validatePolicies } from './policies.ts';
import { checkSchema } from './schema.ts';
import { annotationOffset } from './statements.ts';
import { ttlWarnings } from './warnings.ts';
import { readYaml } from './yaml.ts';

/** What policy needs to know of an issuer. */
export interface DeclaredIssuer {
  readonly alias: string;
  /** What stands for the issuer in `principal.issuer`. */
  readonly issuer: string;
  /** The claims that policies may read, each by the name that it has in `context.claims`. */
  readonly claims: Readonly<Record<string, DeclaredClaim>>;
}

/** A claim as Cedar is to see it. */
export interface DeclaredClaim {
  readonly type: ClaimType;
}

/** Cedar's names of the types that a claim may have. */
export type ClaimType = 'String' | 'Long' | 'Bool' | 'Set<String>';

/** A whole bundle, checked; it never changes. */
export interface Bundle<I extends DeclaredIssuer = DeclaredIssuer> {
  /** The real path that was read. */
  readonly folder: string;
  /** SHA-256 over its files and those that `issuers.yaml` names, hex; its tests are not part of it. */
  readonly digest: string;
  /** Paths of the files that `issuers.yaml` names. */
  readonly named: readonly string[];
  readonly issuers: readonly I[];
  readonly schema: string;
  readonly policies: readonly Policy[];
  /** The policy files, by their names relative to the folder. */
  readonly sources: ReadonlyMap<string, string>;
  readonly memberships: Memberships;
  /** What may be meant, but is worth a look. */
  readonly warnings: readonly BundleFault[];
}

/**
 * Reads and checks a policy bundle: `schema.cedarschema`, `policies/*.cedar`, `entities.yaml`, and `issuers.yaml` by
 * the schema that is handed in, which reads further files as it is told to. Throws a `BundleError` with all faults at
 * once when anything is wrong: there is no bundle with less in it than its files say.
 */
export async function loadBundle<I extends DeclaredIssuer>(
  folder: string,
  issuersSchema: (readNamed: ReadNamed) => z.ZodType<{ readonly issuers: readonly I[] }>,
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
      : take(await readYaml('issuers.yaml', issuersText, issuersSchema(files.readNamed)));
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
    if (issuers !== undefined) faults.push(...claimFaults(issuers, schema));
  }
  if (entities?.value !== undefined) {
    faults.push(...undeclaredNames(parsed.policies, entities.value, policyTexts));
    // A policy that could not be read may name whom the others do not.
    if (parsed.faults.length === 0) faults.push(...idleAdmins(entities, entities.value, parsed.policies));
    if (issuers?.value !== undefined)
      faults.push(...undeclaredIssuers(entities, entities.value, issuers.value.issuers));
  }
  if (faults.length > 0 || schema === undefined || !entities?.value || !issuers?.value) {
    throw new BundleError(folder, inOrder(faults));
  }
  return {
    folder: files.folder,
    digest: files.digest(),
    named: files.named(),
    issuers: issuers.value.issuers,
    schema,
    policies: parsed.policies,
    sources: policyTexts,
    memberships: membershipsOf(entities.value),
    warnings: inOrder([
      ...idleServices(entities, entities.value, parsed.policies),
      ...ttlWarnings(parsed.policies, policyTexts),
    ]),
  };
}

/**
 * The obligations that this version does not enforce, each with its place: whatever counts or lasts. The broker must
 * not take a bundle that has any, since its policies promise what would not hold; only `@require("reason")` holds.
 */
export function unavailable({ policies, sources }: Bundle): BundleFault[] {
  const faults = policies.flatMap(({ file, start, text, obligations }) => {
    if (obligations === null) return [];
    const { require, maxTtlS, defaultTtlS, quotas, maxLive } = obligations;
    const asked: Record<ObligationName, boolean> = {
      quota: quotas.length > 0,
      max_ttl: maxTtlS !== null,
      default_ttl: defaultTtlS !== null,
      max_live: maxLive.length > 0,
      require: require.some((one) => one !== 'reason'),
    };
    return OBLIGATIONS.filter((name) => asked[name]).map((name) => {
      const what = name === 'require' ? '@require of anything but `reason`' : `@${name}`;
      const offset = start + annotationOffset(text, name);
      const reason = `${what} is not enforced by this version: the broker refuses to load it`;
      return faultAt(file, sources.get(file) ?? '', offset, reason);
    });
  });
  return inOrder(faults);
}
