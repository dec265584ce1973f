import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { projectFile } from '../src/project-files.ts';

/** The one issuer, and the caller that is allowed. */
export interface DemoCaller {
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
}

/**
 * Copies `examples/policy` to `folder`, with this issuer instead of the example's and its caller in the team
 * `platform-automation`, which may mint for the group `automation-users`: admins 32 and 33.
 */
export async function writeBundle(folder: string, caller: DemoCaller): Promise<void> {
  // Without its cases: they are about the example's service.
  const cases = projectFile('examples/policy/tests');
  await cp(projectFile('examples/policy'), folder, { recursive: true, filter: (from) => from !== cases });
  await writeFile(
    join(folder, 'issuers.yaml'),
    stringify({
      issuers: [
        {
          alias: 'demo',
          issuer: caller.issuer,
          audience: caller.audience,
          algorithms: ['ES256'],
          maxTokenAge: '12h',
        },
      ],
    }),
  );
  await writeFile(
    join(folder, 'entities.yaml'),
    stringify({
      teams: ['platform-automation'],
      services: [{ issuer: 'demo', subject: caller.subject, teams: ['platform-automation'] }],
      groups: ['automation-users', 'production', 'people'],
      admins: [
        { id: 32, groups: ['automation-users'] },
        { id: 33, groups: ['automation-users', 'production'] },
        { id: 41, groups: ['people'] },
        // The broker's own user: policy would allow it, and the broker still refuses.
        { id: 7, groups: ['automation-users'] },
      ],
    }),
  );
}
