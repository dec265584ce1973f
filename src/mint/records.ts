import type { AdminId, DecisionId, MintId, PrincipalId, RequestId } from './ids.ts';
import type { Obligations } from './obligations.ts';
import type { ClaimValue } from './ports.ts';
import type { DenialReason, ProblemName } from './problems.ts';

/**
 * What policy was told beside the principal, the admin, the source and what was requested, which stand in the same
 * record. With those it is all that a decision rests on, so that another bundle can be asked the same later.
 */
export interface DecisionInput {
  readonly action: 'mintToken';
  /** RFC 3339, UTC, with milliseconds. */
  readonly time: string;
  /** Seconds; null when no end was asked for. */
  readonly ttlS: number | null;
  readonly wrap: boolean;
  readonly keyed: boolean;
  readonly claims: Readonly<Record<string, ClaimValue>>;
  readonly misfitClaims: readonly string[];
  readonly certificate: string | null;
  /** Of the principal, as the bundle's `entities.yaml` had them. */
  readonly teams: readonly string[];
  /** Of the admin, likewise. */
  readonly groups: readonly string[];
}

/** What policy decided, as it stands in the audit log; `policies` are `@id`s and never leave for the caller. */
export interface DecisionRecord {
  readonly id: DecisionId;
  readonly allow: boolean;
  readonly reason: DenialReason | null;
  readonly policies: readonly string[];
  /** What Cedar reported while it evaluated; each one makes the decision a refusal. */
  readonly errors: readonly string[];
  /** Those of the permits that matched; null when it is a refusal by policies, or none asks for anything. */
  readonly obligations: Obligations | null;
  /** SHA-256 of the bundle that decided, hex. */
  readonly bundle: string;
  readonly input: DecisionInput;
}

/** Who and what a record is about; the same in all records of one request. */
export interface RequestContext {
  readonly requestId: RequestId;
  readonly traceId: string | null;
  readonly principal: {
    readonly id: PrincipalId;
    readonly alias: string;
    readonly issuer: string;
    readonly subject: string;
    readonly authenticatedBy: 'jwt' | 'mtls';
  };
  readonly source: { readonly address: string; readonly userAgent: string | null };
}

/** What was asked for, as it stands in the audit log. */
export interface RequestedRecord {
  readonly note: string;
  readonly status: 1 | 2;
  readonly type: 'API token' | 'bearer';
  readonly reason: string | null;
}

/** A token of LM's as the audit log names it: never its key. */
export interface TokenRecord {
  readonly id: number;
  readonly accessId: string | null;
  /** SHA-256 over `lm-token-broker access key v1\n` and the key, hex: joins a leaked key with its mint, offline. */
  readonly accessKeySha256: string;
  /** LM's role names of the admin, at the time of the mint. */
  readonly roles: readonly string[];
  readonly createdOn: number;
}

/** One per attempt, durable before the first byte goes to LM. */
export interface IntentEvent extends RequestContext {
  readonly kind: 'intent';
  readonly mintId: MintId;
  readonly adminId: AdminId;
  readonly requested: RequestedRecord;
  readonly decision: DecisionRecord;
  readonly credentialVersion: number;
}

/** One per intent, durable before the secret goes out. An attempt whose end is not known has none yet. */
export interface OutcomeEvent extends RequestContext {
  readonly kind: 'outcome';
  readonly mintId: MintId;
  readonly adminId: AdminId;
  readonly outcome: 'minted' | 'refused' | 'not-sent';
  readonly problem: ProblemName | null;
  readonly reason: string | null;
  readonly upstream: { readonly status: number | null; readonly durationMs: number };
  readonly token: TokenRecord | null;
  readonly leaseEnd: null;
}

/** One per minted token, about its answer. */
export interface DeliveryEvent extends RequestContext {
  readonly kind: 'delivery';
  readonly mintId: MintId;
  readonly delivery: 'delivered' | 'undelivered';
}

/** One per token that the broker ended. */
export interface EndEvent extends RequestContext {
  readonly kind: 'end';
  readonly mintId: MintId;
  readonly adminId: AdminId;
  readonly end: 'undelivered';
  readonly tokenId: number;
  readonly accessId: string | null;
  /** `deleted` by us, or `gone` when LM no longer knew it. */
  readonly how: 'deleted' | 'gone';
  readonly tries: number;
}

/** One per authenticated request that reached no intent. */
export interface RequestEvent extends RequestContext {
  readonly kind: 'request';
  readonly adminId: AdminId | null;
  readonly requested: RequestedRecord | null;
  readonly decision: DecisionRecord | null;
  readonly outcome: 'refused' | 'dry-run';
  /** Null for a dry run. */
  readonly problem: ProblemName | null;
  readonly reason: string | null;
  readonly durationMs: number;
}

/** What was refused before anyone was identified, or could not be recorded: counts, and the first few in full. */
export interface RefusalsEvent {
  readonly kind: 'refusals';
  readonly since: string;
  readonly until: string;
  readonly counts: readonly { readonly cause: string; readonly network: string; readonly count: number }[];
  readonly samples: readonly RefusalSample[];
}

export interface RefusalSample {
  readonly time: string;
  readonly cause: string;
  readonly requestId: string | null;
  readonly address: string;
  readonly detail: string;
}

/** What happened to the broker itself. */
export interface SystemEvent {
  readonly kind: 'system';
  readonly event:
    | 'start'
    | 'stop'
    | 'bundle-loaded'
    | 'bundle-refused'
    | 'recovered'
    | 'credential-changed'
    | 'latch-closed'
    | 'latch-opened';
  readonly detail: Readonly<Record<string, string | number | boolean | null>>;
}

/** Everything that is written to the audit log; the log adds version, sequence and time. */
export type AuditEvent =
  | IntentEvent
  | OutcomeEvent
  | DeliveryEvent
  | EndEvent
  | RequestEvent
  | RefusalsEvent
  | SystemEvent;
