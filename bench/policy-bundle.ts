import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How large a bundle is: of `entities`, half are services and half are admins. */
export interface Size {
  readonly policies: number;
  readonly entities: number;
  /** Whether one of its rules for everybody is one that only Cedar can tell. */
  readonly asksCedar: boolean;
}

/** One who asks and one that is asked about, with what the policies that meet them want to read. */
export interface Pair {
  readonly subject: string;
  readonly repository: string;
  readonly admin: number;
}

/** Rules for everybody, as a platform team writes them. */
const GLOBAL = `
@id("only-from-inside")
forbid (principal, action == Action::"mintToken", resource) unless {
  context.sourceAddress.isLoopback() ||
  context.sourceAddress.isInRange(ip("10.0.0.0/8")) ||
  context.sourceAddress.isInRange(ip("172.16.0.0/12")) ||
  context.sourceAddress.isInRange(ip("192.168.0.0/16"))
};
@id("production-needs-a-reason")
forbid (principal, action == Action::"mintToken", resource in Group::"production") unless { context.reason like "INC-*" };
@id("callers-end-their-own-tokens")
permit (principal, action == Action::"revokeToken", resource);
`;

const ASKS_CEDAR = `
@id("no-filler")
forbid (principal, action == Action::"mintToken", resource) when {
  [context.note, context.reason].containsAny(["test", "asdf", "-"])
};
`;

/** Every tenth rule of a team also looks at claims. */
const CLAIMS_EVERY = 10;
const GROUPS_OF_A_TEAM = 4;

/**
 * Writes a bundle into an empty folder: three or four rules for everybody, and rules by which a team mints for a group, four
 * to a team; each tenth wants the claims of a certain repository. Every third admin is production too. Gives pairs of
 * a service and an admin that some rule of a team permits, as callers ask for.
 */
export async function writeBundle(folder: string, { policies, entities, asksCedar }: Size): Promise<Pair[]> {
  const forEverybody = asksCedar ? GLOBAL + ASKS_CEDAR : GLOBAL;
  const rules = policies - (asksCedar ? 4 : 3);
  const teams = Math.ceil(rules / GROUPS_OF_A_TEAM);
  const groups = Math.max(2, Math.ceil(rules / 2));
  const groupOf = (rule: number) => rule % groups;
  const wantsClaims = (rule: number) => rule % CLAIMS_EVERY === 1;
  const texts = Array.from({ length: rules }, (_, rule) => {
    const team = Math.floor(rule / GROUPS_OF_A_TEAM);
    const when = wantsClaims(rule)
      ? ` when { context.claims has repository && context.claims.repository == "acme/${team}" }`
      : '';
    return `@id("team-rule-${rule}")
permit (principal in Team::"t${team}", action == Action::"mintToken", resource in Group::"g${groupOf(rule)}")${when};`;
  });

  const count = entities / 2;
  const services = Array.from({ length: count }, (_, index) => {
    const team = index % teams;
    return { subject: `repo:acme/${team}:service-${index}`, team };
  });
  const admins = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    groups: [`g${index % groups}`, ...(index % 3 === 0 ? ['production'] : [])],
  }));
  const entitiesText = [
    `teams: [${Array.from({ length: teams }, (_, team) => `t${team}`).join(', ')}]`,
    'services:',
    ...services.map(({ subject, team }) => `  - {issuer: ci, subject: "${subject}", teams: [t${team}]}`),
    `groups: [production, ${Array.from({ length: groups }, (_, group) => `g${group}`).join(', ')}]`,
    'admins:',
    ...admins.map((admin) => `  - {id: ${admin.id}, groups: [${admin.groups.join(', ')}]}`),
    '',
  ].join('\n');

  const example = join(import.meta.dirname, '../examples/policy/schema.cedarschema');
  const schema = (await readFile(example, 'utf8')).replace(
    /type Claims = \{[^}]*\}/,
    'type Claims = { repository?: String }',
  );
  await mkdir(join(folder, 'policies'));
  await writeFile(join(folder, 'schema.cedarschema'), schema);
  await writeFile(join(folder, 'policies/everybody.cedar'), forEverybody);
  await writeFile(join(folder, 'policies/teams.cedar'), texts.join('\n'));
  await writeFile(join(folder, 'entities.yaml'), entitiesText);
  await writeFile(
    join(folder, 'issuers.yaml'),
    'issuers: [{alias: ci, issuer: https://ci.example.com, audience: broker, claims: {repository: String}}]\n',
  );

  return services.flatMap(({ subject, team }, index) => {
    const rule = team * GROUPS_OF_A_TEAM + (index % GROUPS_OF_A_TEAM);
    const group = groupOf(Math.min(rule, rules - 1));
    const admin = group + groups * (index % Math.max(1, Math.floor(count / groups)));
    return admin < count ? [{ subject, repository: `acme/${team}`, admin: admin + 1 }] : [];
  });
}
