import type { KeyObject } from 'node:crypto';
import type { Deadline } from './clock.ts';
import type { AdminId, DecisionId, MintId, PrincipalId, RequestId } from './ids.ts';
import type { Requirement } from './obligations.ts';
import type { DenialReason, ProblemName } from './problems.ts';
import type { AuditEvent, DecisionRecord } from './records.ts';
import type { MintRequest } from './request.ts';
import type { Secret } from './secret.ts';

/** One `POST /admins/:id/tokens` as it came in; nothing of it is trusted yet. */
export interface MintCall {
  readonly requestId: RequestId;
  /** From a well-formed `traceparent`, else null. */
  readonly traceId: string | null;
  readonly source: { readonly address: string; readonly userAgent: string | null };
  readonly deadline: Deadline;
  /** Every `Authorization` header that came, in order. */
  readonly authorization: readonly string[];
  /** Null when the connection has none. */
  readonly certificate: PeerCertificate | null;
  /** Every `Idempotency-Key` header that came, in order. */
  readonly idempotencyKeys: readonly string[];
  readonly contentType: string;
  readonly contentEncoding: string;
  /** The `:id` of the path, decoded, otherwise as it came. */
  readonly adminId: string;
  /** What follows `?`, without it. */
  readonly query: string;
  /** Reads the whole body. Throws `payload-too-large`, `request-timeout`, and `invalid-request` when it breaks off. */
  readBody(): Promise<Uint8Array>;
  /** Answers a dry run, 200. Whether it is taken matters to nobody. Never throws. */
  report(answer: DryRunAnswer): void;
  /** Answers 201. `delivered` when the kernel took the whole answer, `undelivered` when the caller was gone. Never throws. */
  deliver(answer: MintAnswer): Promise<'delivered' | 'undelivered'>;
}

/** The 201: the only place where a minted key leaves the broker. */
export interface MintAnswer {
  readonly id: number;
  readonly adminId: AdminId;
  readonly accessId: string | null;
  readonly accessKey: Secret;
  readonly note: string;
  readonly status: 1 | 2;
  readonly type: 'API token' | 'bearer';
  readonly createdOn: number;
  readonly expiresAt: null;
  readonly mintId: MintId;
}

/** The 200 of a dry run: what policy would say, and nothing that was done. */
export interface DryRunAnswer {
  readonly decision: 'allow' | 'deny';
  readonly reason: DenialReason | null;
  readonly decisionId: DecisionId;
  readonly obligations: { readonly require: readonly Requirement[] };
}

/** What a claim holds once it was found to be of the type that the bundle declares for it. */
export type ClaimValue = string | number | boolean | readonly string[];

/** Who calls. Issuer URL, alias and subject together: one issuer's subject never passes as another's. */
export interface Principal {
  readonly id: PrincipalId;
  readonly issuer: string;
  readonly alias: string;
  readonly subject: string;
  readonly authenticatedBy: 'jwt' | 'mtls';
  /** The claims that its issuer's entry declares, under the names that it gives them; one that the token lacks is not here. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
  /** The names of declared claims that the token has, but of another type. Policy refuses a request that has any. */
  readonly misfitClaims: readonly string[];
  /** Whose client certificate the connection has, as the principal of it would be named; null when it has none. */
  readonly certificate: string | null;
}

/** The client certificate of a connection, for whose key the handshake was proof. */
export interface PeerCertificate {
  /** As the peer sent them, the leaf first; DER. */
  readonly chain: readonly Uint8Array[];
}

/**
 * Identifies the caller by its credentials alone, before the body is read.
 * Throws `unauthenticated` and `identity-provider-unavailable`.
 */
export type Authenticate = (
  call: Pick<MintCall, 'authorization' | 'certificate' | 'deadline'>,
) => Promise<Principal>;

/** What policy is asked: may this principal do this, to this admin, in this context? */
export interface Question {
  readonly action: 'mintToken';
  readonly principal: Principal;
  readonly request: MintRequest;
  /** Seconds that were asked for, or `NO_TTL`. */
  readonly ttlS: number;
  readonly wrap: boolean;
  /** Whether the request brings an `Idempotency-Key`. */
  readonly keyed: boolean;
  readonly sourceAddress: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What `Question.ttlS` is when no end was asked for: the largest integer that Cedar's JSON takes. */
export const NO_TTL = 9_007_199_254_740_991;

/** Decides, and never throws: whatever keeps policy from deciding is a refusal. */
export type Decide = (question: Question) => DecisionRecord;

/** LM's access id and key, as one version of the secret in Vault has them. */
export interface Pair {
  readonly accessId: string;
  readonly key: KeyObject;
  /** The KV version it was read from. */
  readonly version: number;
}

/** Where the pair comes from. */
export interface PairSource {
  /**
   * The pair in memory while it is fresh enough, else a single shared read.
   * Throws `vault-unavailable`, `vault-denied`, `credential-misconfigured`.
   */
  current(deadline: Deadline): Promise<Pair>;
  /** Reads Vault now; callers at the same time share one read. Throws as `current` does. */
  reread(deadline: Deadline): Promise<Pair>;
}

/** One create call, before it is signed. */
export interface CreateOrder {
  readonly adminId: AdminId;
  readonly type: 'API token' | 'bearer';
  /** With the marker. */
  readonly note: string;
  readonly status: 1 | 2;
}

/** One call to LM with its LMv1 signature over exactly these bytes. */
export interface SignedCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** The resource path that was signed, below `/santaba/rest`. */
  readonly path: string;
  /** The query string, with `?`, or empty; LM does not sign it. */
  readonly query: string;
  readonly body: string;
  readonly authorization: Secret;
}

/** A token as LM's create answer has it. */
export interface LmToken {
  readonly id: number;
  readonly accessId: string | null;
  readonly accessKey: Secret;
  /** Epoch seconds, LM's clock. */
  readonly createdOn: number;
  readonly status: 1 | 2;
  readonly roles: readonly string[];
}

/** What one POST came to. `durationMs` is the time upstream. */
export type CreateAnswer = { readonly durationMs: number } & (
  | { readonly kind: 'created'; readonly status: number; readonly token: LmToken }
  /** LM's own JSON says that nothing was made; `problem` by the table. */
  | { readonly kind: 'refused'; readonly status: number; readonly problem: RefusedBy }
  /** LM's own JSON 401. `skewMs`: LM's clock minus ours, undefined when LM sent no `Date`. */
  | { readonly kind: 'key-rejected'; readonly status: 401; readonly skewMs: number | undefined }
  /** LM's own JSON 429; the next `turn` waits as long as LM asked. */
  | { readonly kind: 'rate-limited'; readonly status: 429 }
  /** Not a byte was sent. `reason` is a code for the operator, such as `ECONNREFUSED`. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** A byte was sent, and what came back does not prove what happened. `reason` is a code for the operator. */
  | { readonly kind: 'ambiguous'; readonly status: number | null; readonly reason: string }
);

export type RefusedBy = Extract<
  ProblemName,
  'upstream-forbidden' | 'admin-not-found' | 'upstream-conflict' | 'upstream-rejected' | 'upstream-protocol'
>;

/** What a DELETE came to; `gone` is LM's own JSON 404. */
export type DeleteAnswer =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'key-rejected'; readonly skewMs: number | undefined }
  | { readonly kind: 'failed'; readonly status: number | null; readonly reason: string };

/** What the search for the LM user of our own key came to. */
export type OwnerAnswer =
  | { readonly kind: 'found'; readonly adminId: AdminId }
  | { readonly kind: 'key-rejected'; readonly skewMs: number | undefined }
  | { readonly kind: 'unknown'; readonly status: number | null; readonly reason: string };

/** LogicMonitor, as far as this broker uses it. */
export interface Portal {
  /** Signs one create call for this moment (LMv1). */
  sign(order: CreateOrder, pair: Pair): SignedCall;
  /**
   * Waits, first come, first served, until the account's window has room for a POST. Throws `upstream-rate-limited`.
   * A call that LM sent back gives the monotonic ms of its first turn, and nobody who came later passes it.
   */
  turn(deadline: Deadline, cameAt?: number): Promise<void>;
  /** Sends it once, never again by itself. Never throws. */
  send(call: SignedCall, deadline: Deadline): Promise<CreateAnswer>;
  /** Deletes one token. Never throws. */
  remove(adminId: AdminId, tokenId: number, pair: Pair, deadline: Deadline): Promise<DeleteAnswer>;
  /** Finds the user that a pair belongs to, by LM's token list filtered by access id. Never throws. */
  findOwner(pair: Pair, deadline: Deadline): Promise<OwnerAnswer>;
}

/** The audit log, as the pipeline uses it. */
export interface AuditLog {
  /**
   * Resolves when the record is on disk (fdatasync). Throws `audit-unavailable` when it is not in time: an intent is
   * then withdrawn, or, if it reached the disk after all, followed by `ifLate`; any other record stays owed and is
   * written as soon as the log takes it.
   */
  durable(event: AuditEvent, ifLate?: AuditEvent): Promise<void>;
  /**
   * Written with the next fdatasync, at most 100 ms later, and not waited for. While the log is down an outcome,
   * delivery or end is owed and written when it is back; a `request` is counted in the next `refusals` record.
   */
  soon(event: AuditEvent): void;
}

/** What the operator is told of, as it happens; the composition root writes it to the log. */
export interface Events {
  warn(message: string, detail: Readonly<Record<string, unknown>>): void;
  info(message: string, detail: Readonly<Record<string, unknown>>): void;
}
