import type { EntityJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { z } from 'zod';
import type { Principal } from '../mint/ports.ts';

const text = (what: string) => z.string({ error: `must be text${what}` });
/** The issuer, and its alias, of those who show a client certificate; issuers.yaml declares neither. */
export const MTLS = 'mtls';

const name = text('').regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
  'must be letters, digits, `.`, `_` or `-`, at most 100',
);
const names = z.array(name, { error: 'must be a list of names' }).default([]);

const serviceSchema = z.strictObject({
  issuer: name,
  subject: text('; put numbers in quotes')
    .min(1, 'must not be empty')
    .max(2048, 'must be at most 2048 characters')
    .refine((subject) => subject.isWellFormed(), 'must not contain a lone surrogate'),
  teams: names,
});

const adminSchema = z.strictObject({
  id: z
    .int({ error: 'must be a whole number, as in LogicMonitor' })
    .min(1, 'must be at least 1')
    .max(2_147_483_647, 'must be at most 2147483647'),
  groups: names,
});

/** `entities.yaml`: the teams that services are in, and the groups that admins are in. */
export const entitiesSchema = z
  .strictObject({
    teams: names,
    services: z.array(serviceSchema, { error: 'must be a list' }).default([]),
    groups: names,
    admins: z.array(adminSchema, { error: 'must be a list' }).default([]),
  })
  .superRefine((entities, context) => {
    const fault = (path: PropertyKey[], message: string) => {
      context.addIssue({ code: 'custom', path, message });
    };
    const once = (list: readonly string[], path: (index: number) => PropertyKey[]) => {
      const first = new Map<string, number>();
      for (const [index, key] of list.entries()) {
        const before = first.get(key);
        if (before === undefined) first.set(key, index);
        else fault(path(index), `stands twice; entry ${before + 1} says the same`);
      }
    };
    const declared = (used: readonly string[], known: ReadonlySet<string>, path: PropertyKey[]) => {
      for (const [index, one] of used.entries()) {
        if (!known.has(one)) fault([...path, index], `has \`${one}\`, which is not declared in this file`);
      }
    };
    once(entities.teams, (index) => ['teams', index]);
    once(entities.groups, (index) => ['groups', index]);
    once(
      entities.services.map(({ issuer, subject }) => `${issuer}:${subject}`),
      (index) => ['services', index, 'subject'],
    );
    once(
      entities.admins.map(({ id }) => String(id)),
      (index) => ['admins', index, 'id'],
    );
    const [teams, groups] = [new Set(entities.teams), new Set(entities.groups)];
    for (const [index, service] of entities.services.entries()) {
      declared(service.teams, teams, ['services', index, 'teams']);
    }
    for (const [index, admin] of entities.admins.entries()) {
      declared(admin.groups, groups, ['admins', index, 'groups']);
    }
  });

export type DeclaredEntities = z.output<typeof entitiesSchema>;

/** Who is in what, ready to be asked for one service and one admin. */
export interface Memberships {
  /** The teams of a service, by `<alias>:<subject>`. */
  readonly teamsOf: ReadonlyMap<string, TypeAndId[]>;
  /** The groups of an admin, by its id. */
  readonly groupsOf: ReadonlyMap<number, TypeAndId[]>;
}

export function membershipsOf(declared: DeclaredEntities): Memberships {
  // One object for each team and group, however many are in it: it is then still at hand when the next one is asked for.
  const one = (type: string) => {
    const known = new Map<string, TypeAndId>();
    return (id: string): TypeAndId => {
      const entity = known.get(id) ?? { type, id };
      known.set(id, entity);
      return entity;
    };
  };
  const [team, group] = [one('Team'), one('Group')];
  return {
    teamsOf: new Map(
      declared.services.map(({ issuer, subject, teams }) => [serviceId(issuer, subject), teams.map(team)]),
    ),
    groupsOf: new Map(declared.admins.map(({ id, groups }) => [id, groups.map(group)])),
  };
}

/** `<alias>:<subject>`. An alias has no colon, so two services never share an id, whatever their subjects are. */
export function serviceId(alias: string, subject: string): string {
  return `${alias}:${subject}`;
}

type Caller = Pick<Principal, 'issuer' | 'alias' | 'subject'>;

/** The principal as Cedar sees it. One that entities.yaml does not name is in no team. */
export function serviceEntity({ issuer, alias, subject }: Caller, { teamsOf }: Memberships): EntityJson {
  const id = serviceId(alias, subject);
  return {
    uid: { type: 'Service', id },
    attrs: { issuer, alias, subject },
    parents: teamsOf.get(id) ?? [],
  };
}

/** The admin as Cedar sees it. One that entities.yaml does not name is in no group. */
export function adminEntity(id: number, { groupsOf }: Memberships): EntityJson {
  return { uid: { type: 'Admin', id: String(id) }, attrs: {}, parents: groupsOf.get(id) ?? [] };
}
