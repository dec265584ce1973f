import { type Attempt, attemptAt } from './attempt.ts';
import type { CallerRates } from './caller-rates.ts';
import type { Clock } from './clock.ts';
import type { Credential, Credentials } from './credential.ts';
import type { Endings } from './end.ts';
import { type Forwarded, forward } from './forward.ts';
import { newMintId, type RandomBytes } from './ids.ts';
import {
  type Authenticate,
  type Decide,
  type DryRunAnswer,
  type LmToken,
  type MintCall,
  NO_TTL,
  type Portal,
  type Principal,
  type SignedCall,
} from './ports.ts';
import { asProblem, Problem } from './problems.ts';
import type { DecisionRecord } from './records.ts';
import type { MintRequest } from './request.ts';
import type { Trail } from './trail.ts';
import { type Validated, validate } from './validate.ts';

/** One policy bundle at work. A request takes both from the same one, whatever is loaded meanwhile. */
export interface PolicyInForce {
  readonly authenticate: Authenticate;
  readonly decide: Decide;
}

/** The parts that a mint goes through. */
export interface Broker {
  /** What identifies callers and decides, now. */
  inForce(): PolicyInForce;
  readonly callerRates: CallerRates;
  readonly credentials: Credentials;
  readonly portal: Portal;
  readonly endings: Endings;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/**
 * Mints one token: the whole way of one request, top to bottom. Nothing is sent to LM before its intent is on disk,
 * and no key is handed over before its outcome is. Resolves when the answer was delivered or the token that could
 * not be delivered was sent to its end; throws a `Problem` for the caller, after everything owed has been recorded.
 */
export async function mint(call: MintCall, trail: Trail, broker: Broker): Promise<void> {
  try {
    const policy = broker.inForce();
    const principal = await authenticate(call, trail, policy);
    broker.callerRates.take(principal);
    const { request, dryRun } = await validated(call, trail);
    const decision = decide(principal, request, call, trail, policy, broker);
    if (dryRun) return report(decision, request, call, trail, broker);
    authorize(decision);
    const credential = await credentialFor(request, decision, call, broker);
    const attempt = attemptAt(request, decision.id, newMintId(broker.randomBytes));
    await trail.intent(attempt, decision, credential.pair.version);
    const signed = await sign(attempt, credential, trail, broker);
    const forwarded = await forward(signed, attempt, credential, broker, call.deadline);
    const token = await outcome(forwarded, attempt, trail, broker);
    await deliver(token, attempt, call, trail, broker);
  } catch (thrown) {
    const problem = asProblem(thrown);
    trail.refused(problem);
    throw problem;
  }
}

async function authenticate(call: MintCall, trail: Trail, policy: PolicyInForce): Promise<Principal> {
  const principal = await policy.authenticate(call);
  trail.authenticated(principal);
  return principal;
}

async function validated(call: MintCall, trail: Trail): Promise<Validated> {
  const asked = await validate(call);
  trail.asked(asked.request);
  return asked;
}

function decide(
  principal: Principal,
  request: MintRequest,
  call: MintCall,
  trail: Trail,
  policy: PolicyInForce,
  broker: Broker,
): DecisionRecord {
  const decision = policy.decide({
    action: 'mintToken',
    principal,
    request,
    ttlS: NO_TTL,
    wrap: false,
    keyed: false,
    sourceAddress: call.source.address,
    now: broker.clock.now(),
  });
  trail.decided(decision);
  return decision;
}

/** Answers a dry run, which mints nothing and needs neither Vault nor LM. */
function report(
  { id, allow, reason, obligations }: DecisionRecord,
  { adminId }: MintRequest,
  call: MintCall,
  trail: Trail,
  broker: Broker,
): void {
  const own = allow && broker.credentials.isOwnAdmin(adminId);
  const answer: DryRunAnswer = {
    decision: allow && !own ? 'allow' : 'deny',
    reason: own ? 'own-admin' : reason,
    decisionId: id,
    obligations: { require: obligations?.require ?? [] },
  };
  trail.dryRun(answer);
  call.report(answer);
}

function authorize(decision: DecisionRecord): void {
  if (decision.allow) return;
  throw new Problem('policy-denied', 'Policy does not allow this caller to mint this token.', {
    reason: decision.reason ?? 'no-permit',
    decisionId: decision.id,
  });
}

async function credentialFor(
  { adminId }: MintRequest,
  decision: DecisionRecord,
  call: MintCall,
  broker: Broker,
): Promise<Credential> {
  broker.endings.refuseWhenFull();
  return broker.credentials.forMint({ adminId, decisionId: decision.id }, call.deadline);
}

/** Signs the call. A signature that fails proves that nothing was sent, so the intent gets its outcome. */
async function sign(
  attempt: Attempt,
  credential: Credential,
  trail: Trail,
  broker: Broker,
): Promise<SignedCall> {
  try {
    return broker.portal.sign(attempt.order, credential.pair);
  } catch (thrown) {
    const problem = asProblem(thrown);
    await trail.nothingMade(attempt, 'not-sent', problem, { status: null, durationMs: 0 });
    throw problem;
  }
}

/** Records what LM did, durable; gives back the token, or throws the problem that the caller is told. */
async function outcome(
  forwarded: Forwarded,
  attempt: Attempt,
  trail: Trail,
  broker: Broker,
): Promise<LmToken> {
  switch (forwarded.kind) {
    case 'nothing-made':
      await trail.nothingMade(attempt, forwarded.outcome, forwarded.problem, forwarded.upstream);
      throw forwarded.problem;
    case 'in-doubt':
      throw forwarded.problem;
    case 'minted':
      try {
        await trail.minted(attempt, forwarded.token, forwarded.upstream);
      } catch (unrecorded) {
        await end(forwarded.token, attempt, trail, broker);
        throw unrecorded;
      }
      return forwarded.token;
  }
}

/** Hands the token to its caller; one that the caller is no longer there for is ended at once. */
async function deliver(
  token: LmToken,
  attempt: Attempt,
  call: MintCall,
  trail: Trail,
  broker: Broker,
): Promise<void> {
  const { adminId, note, type } = attempt.request;
  const { id, accessId, accessKey, status, createdOn } = token;
  const { mintId } = attempt;
  const delivery = await call.deliver({
    id,
    adminId,
    accessId,
    accessKey,
    note,
    status,
    type,
    createdOn,
    expiresAt: null,
    mintId,
  });
  if (delivery === 'delivered') trail.delivered(attempt);
  else await end(token, attempt, trail, broker);
}

async function end(token: LmToken, attempt: Attempt, trail: Trail, broker: Broker): Promise<void> {
  await broker.endings.end(trail.undelivered(attempt, token));
}
