import { type DeclaredEntities, MTLS, serviceId } from './entities.ts';
import type { BundleFault } from './faults.ts';
import type { DeclaredIssuer } from './load.ts';
import { namedIn } from './names.ts';
import type { Policy } from './policies.ts';
import type { ReadYaml } from './yaml.ts';

/** Services of issuers that the bundle does not declare; those by client certificate have none to declare. */
export function undeclaredIssuers(
  yaml: ReadYaml<DeclaredEntities>,
  { services }: DeclaredEntities,
  issuers: readonly DeclaredIssuer[],
): BundleFault[] {
  const aliases = new Set([...issuers.map(({ alias }) => alias), MTLS]);
  return services.flatMap(({ issuer }, index) =>
    aliases.has(issuer)
      ? []
      : [yaml.at(['services', index, 'issuer'], `issuers.yaml declares no issuer \`${issuer}\``)],
  );
}

/**
 * Admins in no group that no policy names: they are faults, since nothing can be said of them but what is said of
 * everybody, so that their entry does nothing.
 */
export function idleAdmins(
  yaml: ReadYaml<DeclaredEntities>,
  { admins }: DeclaredEntities,
  policies: readonly Policy[],
): BundleFault[] {
  const named = namedIn(policies);
  return admins.flatMap(({ id, groups }, index) =>
    groups.length > 0 || named.has('Admin', String(id))
      ? []
      : [yaml.at(['admins', index], `admin ${id} is in no group, and no policy names it`)],
  );
}

/** Services in no team that no policy names: that may be meant, since a claim can say who they are. */
export function idleServices(
  yaml: ReadYaml<DeclaredEntities>,
  { services }: DeclaredEntities,
  policies: readonly Policy[],
): BundleFault[] {
  const named = namedIn(policies);
  return services.flatMap(({ issuer, subject, teams }, index) => {
    const id = serviceId(issuer, subject);
    return teams.length > 0 || named.has('Service', id)
      ? []
      : [yaml.at(['services', index], `${id} is in no team, and no policy names it`)];
  });
}
