import type { DeclaredEntities } from './entities.ts';
import type { BundleFault } from './faults.ts';
import type { ReadYaml } from './yaml.ts';

/** What in `entities.yaml` may be meant but is worth a look: services in no team, and admins in no group. */
export function membershipWarnings(
  yaml: ReadYaml<DeclaredEntities>,
  { services, admins }: DeclaredEntities,
): BundleFault[] {
  return [
    ...services.flatMap(({ issuer, subject, teams }, index) =>
      teams.length > 0 ? [] : [yaml.at(['services', index], `${issuer}:${subject} is in no team`)],
    ),
    ...admins.flatMap(({ id, groups }, index) =>
      groups.length > 0 ? [] : [yaml.at(['admins', index], `admin ${id} is in no group`)],
    ),
  ];
}
