import { createHash } from 'node:crypto';
import type { Attempt } from './attempt.ts';
import type { Undelivered } from './end.ts';
import { type AdminId, adminIdSchema } from './ids.ts';
import type { AuditLog, DryRunAnswer, LmToken, MintCall, Principal } from './ports.ts';
import type { Problem, ProblemName } from './problems.ts';
import type {
  DecisionRecord,
  OutcomeEvent,
  RequestContext,
  RequestEvent,
  RequestedRecord,
  TokenRecord,
} from './records.ts';
import type { MintRequest } from './request.ts';
import { escapeUnfit } from './text.ts';

/** How much of a reason is recorded, in UTF-16 units. */
const MAX_REASON = 500;

/** How far a request came; what is owed to the audit log when it ends depends on nothing else. */
type Stage = 'arrived' | 'authenticated' | 'intended' | 'closed';

/** What became of a request, as metrics and the log line name it. */
export type Result = 'delivered' | 'undelivered' | 'dry-run' | ProblemName;

/** Counts what is refused before anyone is identified, or over a caller's rate; such requests get no record of their own. */
export type CountRefusal = (
  cause: string,
  from: { readonly address: string; readonly requestId: string; readonly detail: string },
) => void;

/**
 * The story of one request. It is the one place that writes each kind of record about a mint, so that no exit can
 * forget one: `request` when it ends before an intent, `intent`, `outcome`, `delivery`, `end` after it. The log line
 * of the request is made from it too.
 */
export class Trail {
  /** Of the call only what records need: a trail may outlive it, and its caller's JWT must not. */
  readonly #call: Pick<MintCall, 'requestId' | 'traceId' | 'source' | 'adminId'>;
  readonly #audit: AuditLog;
  readonly #countRefusal: CountRefusal;
  readonly #startedAt: number;
  readonly #monotonic: () => number;
  #stage: Stage = 'arrived';
  #principal: Principal | undefined;
  #request: MintRequest | undefined;
  #decision: DecisionRecord | undefined;
  #attempt: Attempt | undefined;
  #result: Result = 'internal-error';

  constructor(call: MintCall, audit: AuditLog, countRefusal: CountRefusal, monotonic: () => number) {
    const { requestId, traceId, source, adminId } = call;
    this.#call = { requestId, traceId, source, adminId };
    this.#audit = audit;
    this.#countRefusal = countRefusal;
    this.#monotonic = monotonic;
    this.#startedAt = monotonic();
  }

  authenticated(principal: Principal): void {
    this.#principal = principal;
    this.#stage = 'authenticated';
  }

  asked(request: MintRequest): void {
    this.#request = request;
  }

  decided(decision: DecisionRecord): void {
    this.#decision = decision;
  }

  /** Writes the intent and waits until it is on disk. Throws `audit-unavailable`; then nothing may be sent. */
  async intent(attempt: Attempt, decision: DecisionRecord, credentialVersion: number): Promise<void> {
    const context = this.#context();
    this.#attempt = attempt;
    await this.#audit.durable(
      {
        kind: 'intent',
        ...context,
        mintId: attempt.mintId,
        adminId: attempt.adminId,
        requested: requestedRecord(attempt.request),
        decision,
        credentialVersion,
      },
      this.#outcomeEvent(attempt, {
        outcome: 'not-sent',
        problem: 'audit-unavailable',
        reason: null,
        status: null,
      }),
    );
    this.#stage = 'intended';
  }

  /** Writes that nothing was made, and why, and waits until it is on disk. Throws `audit-unavailable`. */
  async nothingMade(
    attempt: Attempt,
    outcome: 'refused' | 'not-sent',
    problem: Problem,
    upstream: { readonly status: number | null; readonly durationMs: number },
  ): Promise<void> {
    this.#stage = 'closed';
    await this.#audit.durable(
      this.#outcomeEvent(attempt, {
        outcome,
        problem: problem.problem,
        reason: problem.extras.operatorReason ?? null,
        ...upstream,
      }),
    );
  }

  /** Writes what LM made and waits until it is on disk. Throws `audit-unavailable`; then the token must be ended. */
  async minted(
    attempt: Attempt,
    token: LmToken,
    upstream: { readonly status: number; readonly durationMs: number },
  ): Promise<void> {
    this.#stage = 'closed';
    await this.#audit.durable(
      this.#outcomeEvent(attempt, { outcome: 'minted', problem: null, reason: null, ...upstream, token }),
    );
  }

  /** Writes that the answer reached its caller; on disk at most 100 ms later, not waited for. */
  delivered({ mintId }: Attempt): void {
    this.#result = 'delivered';
    this.#audit.soon({ kind: 'delivery', ...this.#context(), mintId, delivery: 'delivered' });
  }

  /** Writes that it did not, and gives back what is needed to end the token and to record that. */
  undelivered({ mintId, adminId }: Attempt, { id: tokenId, accessId }: LmToken): Undelivered {
    this.#result = 'undelivered';
    const audit = this.#audit;
    const context = this.#context();
    audit.soon({ kind: 'delivery', ...context, mintId, delivery: 'undelivered' });
    const about = { ...context, mintId, adminId, tokenId, accessId };
    return {
      mintId,
      adminId,
      tokenId,
      accessId,
      ended: (how, tries) => audit.soon({ kind: 'end', ...about, end: 'undelivered', how, tries }),
    };
  }

  /** Writes that policy was asked and nothing else; not waited for. */
  dryRun({ reason }: DryRunAnswer): void {
    this.#result = 'dry-run';
    this.#unintended('dry-run', null, reason);
  }

  /** Writes what a refusal is owed at the stage that the request had reached; called once, for whatever ends it. */
  refused(problem: Problem): void {
    const { problem: name, extras } = problem;
    // A caller that asks too often is counted, not recorded: a flood must not fill the disk.
    if (this.#stage === 'arrived' || name === 'too-many-requests') {
      const { requestId, source } = this.#call;
      this.#countRefusal(name, {
        address: source.address,
        requestId,
        detail: this.#who() ?? extras.operatorReason ?? problem.message,
      });
    } else if (this.#stage === 'authenticated') {
      const pointers = extras.errors?.map(({ pointer }) => pointer).join(' ');
      const reason = extras.reason ?? extras.operatorReason ?? pointers?.slice(0, MAX_REASON) ?? null;
      this.#unintended('refused', name, reason);
    }
    this.#result = name;
  }

  /** What the log line of this request says; no secret is part of it. */
  summary(): Readonly<Record<string, string | number | boolean | undefined>> {
    return {
      requestId: this.#call.requestId,
      outcome: this.#result,
      principal: this.#who(),
      admin: this.#adminId(),
      mintId: this.#attempt?.mintId,
      decisionId: this.#decision?.id,
      policies: this.#decision?.policies.join(' '),
      policyErrors: this.#decision?.errors.join('; ') || undefined,
      traceId: this.#call.traceId ?? undefined,
      source: this.#call.source.address,
      durationMs: this.elapsedMs(),
    };
  }

  /** What became of it; known once the pipeline is over. */
  get result(): Result {
    return this.#result;
  }

  /** Milliseconds since the request came. */
  elapsedMs(): number {
    return Math.round((this.#monotonic() - this.#startedAt) * 10) / 10;
  }

  /** Writes the one record of a request that reached no intent. */
  #unintended(outcome: RequestEvent['outcome'], problem: ProblemName | null, reason: string | null): void {
    this.#audit.soon({
      kind: 'request',
      ...this.#context(),
      adminId: this.#adminId() ?? null,
      requested: this.#request === undefined ? null : requestedRecord(this.#request),
      decision: this.#decision ?? null,
      outcome,
      problem,
      reason,
      durationMs: this.elapsedMs(),
    });
  }

  #who(): string | undefined {
    return this.#principal && escapeUnfit(`${this.#principal.alias}:${this.#principal.subject}`);
  }

  /** The admin that was named, also when the rest of the request was not fit. */
  #adminId(): AdminId | undefined {
    return adminIdSchema.safeParse(this.#call.adminId).data;
  }

  #context(): RequestContext {
    const principal = this.#principal;
    if (principal === undefined) throw new Error('a record about a request needs the principal that made it');
    const { id, alias, issuer, subject, authenticatedBy } = principal;
    const { requestId, traceId, source } = this.#call;
    return { requestId, traceId, principal: { id, alias, issuer, subject, authenticatedBy }, source };
  }

  #outcomeEvent(
    attempt: Attempt,
    about: Pick<OutcomeEvent, 'outcome' | 'problem' | 'reason'> & {
      readonly status: number | null;
      readonly durationMs?: number;
      readonly token?: LmToken;
    },
  ): OutcomeEvent {
    return {
      kind: 'outcome',
      ...this.#context(),
      mintId: attempt.mintId,
      adminId: attempt.adminId,
      outcome: about.outcome,
      problem: about.problem,
      reason: about.reason,
      upstream: { status: about.status, durationMs: Math.round(about.durationMs ?? 0) },
      token: about.token === undefined ? null : tokenRecord(about.token),
      leaseEnd: null,
    };
  }
}

function requestedRecord({ note, status, type, reason }: MintRequest): RequestedRecord {
  return { note, status, type, reason: reason ?? null };
}

const KEY_HASH_PREFIX = 'lm-token-broker access key v1\n';

/** Forty random characters need no secret and no salt: the hash finds a leaked key's mint, and gives nothing away. */
function tokenRecord({ id, accessId, accessKey, roles, createdOn }: LmToken): TokenRecord {
  const accessKeySha256 = createHash('sha256')
    .update(KEY_HASH_PREFIX)
    .update(accessKey.reveal())
    .digest('hex');
  return { id, accessId, accessKeySha256, roles, createdOn };
}
