import type { AdminId, PrincipalId } from '../mint/ids.ts';
import { type ClaimValue, type Decide, NO_TTL, type Question } from '../mint/ports.ts';
import type { DecisionRecord, IntentEvent } from '../mint/records.ts';
import type { Bundle, ClaimType } from './load.ts';

/** What a record of the audit log says of a request that policy decided. */
export interface Recorded {
  readonly principal: Omit<IntentEvent['principal'], 'id'>;
  readonly source: { readonly address: string };
  readonly adminId: number;
  readonly requested: IntentEvent['requested'];
  readonly decision: RecordedDecision;
}

type RecordedDecision = Omit<DecisionRecord, 'id'> & { readonly id: string };

/** A bundle that is tried on what was asked. */
export interface Candidate {
  readonly bundle: Bundle;
  readonly decide: Decide;
}

/** What would become of a recorded request. */
export interface Verdict {
  readonly allow: boolean;
  /** `unidentified`: the caller's issuer is not declared, so that nobody would get as far as policy. */
  readonly reason: DecisionRecord['reason'] | 'unidentified';
  readonly policies: readonly string[];
}

/** How a candidate's verdict stands to the recorded one; `obligations`: allowed as before, and something else is asked for. */
export type Change = 'same' | 'would-allow' | 'would-refuse' | 'reason' | 'obligations';

export interface Comparison {
  readonly change: Change;
  readonly before: Verdict;
  readonly after: Verdict;
}

/** Asks a candidate what the log says was asked, and compares its answer with the one that was given then. */
export function replay(candidate: Candidate, recorded: Recorded): Comparison {
  const { decision } = recorded;
  const before = verdictOf(decision);
  const question = questionOf(recorded, candidate.bundle);
  if (question === undefined) {
    const after = { allow: false, reason: 'unidentified', policies: [] } as const;
    return { change: before.allow ? 'would-refuse' : 'reason', before, after };
  }
  const answer = candidate.decide(question);
  return { change: changeOf(decision, answer), before, after: verdictOf(answer) };
}

function verdictOf({ allow, reason, policies }: RecordedDecision): Verdict {
  return { allow, reason, policies };
}

function changeOf(before: RecordedDecision, after: RecordedDecision): Change {
  if (before.allow !== after.allow) return after.allow ? 'would-allow' : 'would-refuse';
  if (before.reason !== after.reason) return 'reason';
  return JSON.stringify(before.obligations) === JSON.stringify(after.obligations) ? 'same' : 'obligations';
}

/** The question as the candidate would be asked it; undefined when it does not declare the caller's issuer. */
function questionOf(
  { principal, source, adminId, requested, decision }: Recorded,
  bundle: Bundle,
): Question | undefined {
  const { input } = decision;
  const issuer = bundle.issuers.find(({ alias }) => alias === principal.alias);
  const known =
    principal.authenticatedBy === 'mtls' || (issuer !== undefined && issuer.issuer === principal.issuer);
  if (!known) return undefined;
  const { note, status, type, reason } = requested;
  return {
    action: input.action,
    principal: {
      ...principal,
      id: '' as PrincipalId, // brand: policy knows a principal by issuer, alias and subject alone
      ...claimsFor(input, issuer?.claims ?? {}),
      certificate: input.certificate,
    },
    // brand: it was one when it was recorded
    request: { adminId: adminId as AdminId, note, status, type, reason: reason ?? undefined },
    ttlS: input.ttlS ?? NO_TTL,
    wrap: input.wrap,
    keyed: input.keyed,
    sourceAddress: source.address,
    now: Date.parse(input.time),
  };
}

/** Of the recorded claims those that the candidate declares, each held to the type that it has there. */
function claimsFor(
  input: DecisionRecord['input'],
  declared: Readonly<Record<string, { readonly type: ClaimType }>>,
): Pick<Question['principal'], 'claims' | 'misfitClaims'> {
  const claims: Record<string, ClaimValue> = {};
  const misfitClaims = input.misfitClaims.filter((name) => Object.hasOwn(declared, name));
  for (const [name, value] of Object.entries(input.claims)) {
    const type = Object.hasOwn(declared, name) ? declared[name]?.type : undefined;
    if (type === undefined) continue;
    if (typeOf(value) === type) claims[name] = value;
    else misfitClaims.push(name);
  }
  return { claims, misfitClaims };
}

function typeOf(value: ClaimValue): ClaimType {
  if (typeof value === 'string') return 'String';
  if (typeof value === 'number') return 'Long';
  return typeof value === 'boolean' ? 'Bool' : 'Set<String>';
}
