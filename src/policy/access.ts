import type { AdminId, PrincipalId } from '../mint/ids.ts';
import type { Obligations } from '../mint/obligations.ts';
import { NO_TTL } from '../mint/ports.ts';
import { createSlices, type Decided } from './decide/slices.ts';
import { serviceId } from './entities.ts';
import { strictest } from './obligations.ts';
import type { Action, Asked } from './question.ts';

/**
 * `yes`: a permit without conditions fits, and no forbid does. `no`: no permit fits, or a forbid without conditions
 * does. `depends`: the conditions of policies decide at each request.
 */
type AccessVerdict = 'yes' | 'depends' | 'no';

/** A policy whose scope fits: principal, action and resource, whatever its conditions say. */
interface Fitting {
  readonly id: string;
  /** Whether it has conditions, which may hold or not. */
  readonly conditional: boolean;
}

/** What policy lets one caller do to one admin, before any request is known. */
export interface Access {
  readonly verdict: AccessVerdict;
  /** In the order of their ids, as the forbids are; those that a forbid overrules are among them. */
  readonly permits: readonly (Fitting & { readonly obligations: Obligations | null })[];
  readonly forbids: readonly Fitting[];
  /**
   * What the permits without conditions ask for, the strictest of each kind; null when that is nothing, or nothing is
   * permitted. A permit with conditions adds its own whenever it matches, also beside others.
   */
  readonly obligations: Obligations | null;
}

/** What one caller can do; `caller` is `alias:subject`, null for every caller that entities.yaml does not name. */
type CallerAccess = { readonly caller: string | null; readonly teams: readonly string[] } & Access;

/** What can be done to one admin; `admin` is null for every admin that entities.yaml does not name. */
type AdminAccess = { readonly admin: number | null; readonly groups: readonly string[] } & Access;

/** Who can do something to one admin. */
export interface WhoCan {
  readonly action: Action;
  readonly admin: number;
  readonly groups: readonly string[];
  /** The digest of the bundle. */
  readonly bundle: string;
  /** All that entities.yaml names, those who can first, otherwise in its order; all others stand last as one. */
  readonly callers: readonly CallerAccess[];
}

/** To whom one caller can do something. */
export interface WhatCan {
  readonly action: Action;
  readonly caller: string;
  readonly teams: readonly string[];
  /** The digest of the bundle. */
  readonly bundle: string;
  /** All that entities.yaml names, those it can do it to first, otherwise in its order; all others stand last as one. */
  readonly admins: readonly AdminAccess[];
}

interface Caller {
  readonly alias: string;
  readonly subject: string;
}

/** One that no entry of entities.yaml can name, nor a policy: names must be declared. It stands for all such. */
const OTHER_CALLER: Caller = { alias: '', subject: '' };
const OTHER_ADMIN = 0;

/**
 * Answers who can do `action` to an admin by the scopes of a bundle's policies: they are matched as decisions match
 * them, and conditions are not evaluated. Nobody is left out. An admin that is not declared is in no group. Throws as
 * `createSlices` does.
 */
export function whoCan(bundle: Decided, action: Action, admin: number): WhoCan {
  const access = createAccess(bundle, action);
  const { teamsOf, groupsOf } = bundle.memberships;
  const declared = [...teamsOf].map(([caller, teams]) => {
    return { caller, teams: names(teams), ...access(callerOf(caller), admin) };
  });
  const others = { caller: null, teams: [], ...access(OTHER_CALLER, admin) };
  const groups = names(groupsOf.get(admin) ?? []);
  return { action, admin, groups, bundle: bundle.digest, callers: [...ableFirst(declared), others] };
}

/**
 * Answers to whom a caller can do `action`, as `whoCan` does. A caller that is not declared is in no team. Throws as
 * `createSlices` does.
 */
export function whatCan(bundle: Decided, action: Action, { alias, subject }: Caller): WhatCan {
  const access = createAccess(bundle, action);
  const { teamsOf, groupsOf } = bundle.memberships;
  const asking = { alias, subject };
  const declared = [...groupsOf].map(([admin, groups]) => {
    return { admin, groups: names(groups), ...access(asking, admin) };
  });
  const others = { admin: null, groups: [], ...access(asking, OTHER_ADMIN) };
  const caller = serviceId(alias, subject);
  const teams = names(teamsOf.get(caller) ?? []);
  return { action, caller, teams, bundle: bundle.digest, admins: [...ableFirst(declared), others] };
}

function createAccess(bundle: Decided, action: Action): (caller: Caller, admin: number) => Access {
  const slices = createSlices(bundle);
  const byId = new Map(bundle.policies.map((policy) => [policy.id, policy]));
  return (caller, admin) => {
    const slice = slices.of(askedOf(action, caller, admin));
    const conditional = Object.keys(slice.conditions?.policies ?? {});
    const fitting = [...slice.permits, ...slice.forbids, ...conditional].sort().flatMap((id) => {
      const policy = byId.get(id);
      return policy === undefined ? [] : [{ policy, conditional: policy.json.conditions.length > 0 }];
    });
    const permits = fitting.flatMap(({ policy: { id, effect, obligations }, conditional }) =>
      effect === 'permit' ? [{ id, conditional, obligations }] : [],
    );
    const forbids = fitting.flatMap(({ policy: { id, effect }, conditional }) =>
      effect === 'forbid' ? [{ id, conditional }] : [],
    );
    const verdict = verdictOf(permits, forbids);
    const sure = permits.filter(({ conditional }) => !conditional);
    const obligations =
      verdict === 'no' ? null : strictest(sure.flatMap(({ obligations }) => obligations ?? []));
    return { verdict, permits, forbids, obligations };
  };
}

function verdictOf(permits: readonly Fitting[], forbids: readonly Fitting[]): AccessVerdict {
  const sure = ({ conditional }: Fitting) => !conditional;
  if (permits.length === 0 || forbids.some(sure)) return 'no';
  return forbids.length === 0 && permits.some(sure) ? 'yes' : 'depends';
}

/** A request of which nothing matters but who asks, for whom and what; no condition is asked about the rest. */
function askedOf(action: Action, { alias, subject }: Caller, admin: number): Asked {
  return {
    action,
    principal: {
      id: '' as PrincipalId, // brand: policy knows a principal by alias and subject
      issuer: '',
      alias,
      subject,
      authenticatedBy: 'jwt',
      claims: {},
      misfitClaims: [],
      certificate: null,
    },
    request: { adminId: admin as AdminId, note: '', status: 2, type: 'API token', reason: '' }, // brand: see above
    ttlS: NO_TTL,
    wrap: false,
    keyed: false,
    sourceAddress: '127.0.0.1',
    now: 0,
  };
}

/** The parts of `alias:subject`; an alias has no colon. */
function callerOf(id: string): Caller {
  const colon = id.indexOf(':');
  return { alias: id.slice(0, colon), subject: id.slice(colon + 1) };
}

function names(entities: readonly { readonly id: string }[]): string[] {
  return entities.map(({ id }) => id);
}

const ORDER: readonly AccessVerdict[] = ['yes', 'depends', 'no'];

function ableFirst<T extends Access>(all: readonly T[]): T[] {
  return [...all].sort((one, other) => ORDER.indexOf(one.verdict) - ORDER.indexOf(other.verdict));
}
