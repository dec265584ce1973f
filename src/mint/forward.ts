import type { Attempt } from './attempt.ts';
import type { Clock, Deadline } from './clock.ts';
import type { Credential, Credentials } from './credential.ts';
import type { CreateAnswer, LmToken, Portal, RefusedBy, SignedCall } from './ports.ts';
import { asProblem, Problem } from './problems.ts';

/** What became of an attempt once it was to be sent. */
export type Forwarded =
  | {
      readonly kind: 'minted';
      readonly token: LmToken;
      readonly upstream: Upstream & { readonly status: number };
    }
  /** Proven: LM made nothing. `refused` by LM, or never sent. */
  | {
      readonly kind: 'nothing-made';
      readonly outcome: 'refused' | 'not-sent';
      readonly problem: Problem;
      readonly upstream: Upstream;
    }
  /** LM may or may not have made a token; the intent stays open. */
  | { readonly kind: 'in-doubt'; readonly problem: Problem; readonly upstream: Upstream };

interface Upstream {
  readonly status: number | null;
  readonly durationMs: number;
}

/** What forwarding needs beside the attempt. */
export interface Forwarder {
  readonly portal: Portal;
  readonly credentials: Credentials;
  readonly clock: Clock;
}

/** With less time left nothing is sent: a call that is cut short has an unknown end. */
const SEND_WITHIN_MS = 1_000;
const RECONNECT_FIRST_MS = 100;
const RECONNECT_MAX_MS = 2_000;

/**
 * Sends an attempt to LM. It is sent again only after an answer that proves that nothing was made: LM's own 429, a
 * connection that never stood, and LM's own 401, once, when Vault has another key by now. Anything else ends it.
 * Stays within the deadline. Never throws.
 */
export async function forward(
  first: SignedCall,
  attempt: Attempt,
  credential: Credential,
  { portal, credentials, clock }: Forwarder,
  deadline: Deadline,
): Promise<Forwarded> {
  const cameAt = clock.monotonic();
  let signed = first;
  let replaced = false;
  let upstream: Upstream = { status: null, durationMs: 0 };
  let refusedBefore = false;
  let unreachable: Problem | undefined;
  const nothingMade = (problem: Problem): Forwarded => ({
    kind: 'nothing-made',
    outcome: refusedBefore ? 'refused' : 'not-sent',
    problem,
    upstream,
  });
  for (let pause = RECONNECT_FIRST_MS; ; ) {
    try {
      await portal.turn(deadline, cameAt);
    } catch (thrown) {
      return nothingMade(asProblem(thrown));
    }
    if (deadline.remainingMs() < SEND_WITHIN_MS) return nothingMade(unreachable ?? tooLateProblem());
    const answer = await portal.send(signed, deadline);
    upstream = { status: statusOf(answer), durationMs: upstream.durationMs + answer.durationMs };
    switch (answer.kind) {
      case 'created':
        return { kind: 'minted', token: answer.token, upstream: { ...upstream, status: answer.status } };
      case 'refused':
        refusedBefore = true;
        return nothingMade(refusedProblem(answer.problem, answer.status));
      case 'ambiguous':
        return { kind: 'in-doubt', problem: inDoubtProblem(attempt, answer.reason), upstream };
      case 'rate-limited':
        refusedBefore = true;
        break;
      case 'key-rejected':
        refusedBefore = true;
        if (replaced) return nothingMade(credentials.latch(credential.pair, answer));
        try {
          credential = await credentials.replacement(credential, answer, attempt, deadline);
        } catch (thrown) {
          return nothingMade(asProblem(thrown));
        }
        replaced = true;
        break;
      case 'unreachable':
        unreachable = unreachableProblem(answer.reason);
        if (deadline.remainingMs() < pause + SEND_WITHIN_MS) return nothingMade(unreachable);
        await new Promise<void>((resolve) => void clock.after(pause, resolve));
        pause = Math.min(2 * pause, RECONNECT_MAX_MS);
        break;
    }
    try {
      // A new signature for each sending: LM refuses timestamps that are too old.
      signed = portal.sign(attempt.order, credential.pair);
    } catch (thrown) {
      return nothingMade(asProblem(thrown));
    }
  }
}

function statusOf(answer: CreateAnswer): number | null {
  return answer.kind === 'unreachable' ? null : answer.status;
}

const REFUSED_DETAIL: Readonly<Record<RefusedBy, string>> = {
  'upstream-forbidden': 'LogicMonitor answered that the key of the broker may not create this token.',
  'admin-not-found': 'LogicMonitor answered that it has no admin of this id.',
  'upstream-conflict': 'LogicMonitor answered that this conflicts with something that exists.',
  'upstream-rejected': 'LogicMonitor did not accept the request.',
  'upstream-protocol': 'LogicMonitor answered with a redirect; redirects are never followed.',
};

function refusedProblem(problem: RefusedBy, status: number): Problem {
  return new Problem(problem, REFUSED_DETAIL[problem], { operatorReason: `http-${status}` });
}

function inDoubtProblem({ mintId }: Attempt, reason: string): Problem {
  return new Problem(
    'outcome-unknown',
    'The answer of LogicMonitor does not tell whether it made a token. No secret was handed over; the attempt is recorded under its mint id.',
    { mintId, retryAfterS: 5, operatorReason: reason },
  );
}

function tooLateProblem(): Problem {
  return new Problem('request-timeout', 'Too little time was left to call LogicMonitor; nothing was sent.', {
    operatorReason: 'too-late-to-send',
  });
}

function unreachableProblem(reason: string): Problem {
  return new Problem('upstream-unreachable', 'LogicMonitor could not be reached in time; nothing was sent.', {
    retryAfterS: 5,
    operatorReason: reason,
  });
}
