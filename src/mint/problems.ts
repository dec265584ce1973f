/** One line of the problem table: what a caller can rely on, whatever the `detail` says. */
interface ProblemRow {
  readonly status: number;
  /** A short sentence that stays the same from one occurrence to the next (RFC 9457, section 3.1.3). */
  readonly title: string;
  /** True when the same request may succeed later, so that `Retry-After` is sent. */
  readonly retry: boolean;
  /** What the caller should do; it stands in the OpenAPI document and in docs/callers.md. */
  readonly advice: string;
}

/** Every way in which a request can fail. Types, OpenAPI, docs and metrics are made from this table. */
export const PROBLEMS = {
  unauthenticated: {
    status: 401,
    title: 'The caller could not be identified.',
    retry: false,
    advice:
      'Send one `Authorization: Bearer <JWT>` that a configured issuer signed for this broker and that has not expired, or a client certificate, where the broker takes them.',
  },
  'identity-provider-unavailable': {
    status: 503,
    title: 'The keys of the issuer cannot be had.',
    retry: true,
    advice: 'Your token may be fine; try again after `Retry-After` seconds.',
  },
  'invalid-request': {
    status: 400,
    title: 'The request is not one that this API accepts.',
    retry: false,
    advice: 'Correct what `errors[]` names; each entry has a JSON pointer or the place of the fault.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body must be JSON in UTF-8, without a content encoding.',
    retry: false,
    advice: 'Send `Content-Type: application/json` and the plain bytes.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large.',
    retry: false,
    advice: 'Send a smaller body: 16 kB, unless the operator set another limit.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers are too large.',
    retry: false,
    advice: 'Send smaller headers, the token included: 16 kB, unless the operator set another limit.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request took too long to arrive.',
    retry: false,
    advice: 'Send the whole request at once.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'This path does not know that method.',
    retry: false,
    advice: 'Use one of the methods that `Allow` names.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such path.',
    retry: false,
    advice: 'See `/openapi.json` for the paths.',
  },
  'policy-denied': {
    status: 403,
    title: 'Policy does not allow this.',
    retry: false,
    advice:
      'Read `reason`; quote `decisionId` to the team that runs the broker, who can see the whole decision.',
  },
  'too-many-requests': {
    status: 429,
    title: 'This caller makes more requests than one may.',
    retry: true,
    advice: 'Slow down; try again after `Retry-After` seconds. Nothing was minted.',
  },
  'audit-unavailable': {
    status: 503,
    title: 'The request cannot be recorded, so it is not carried out.',
    retry: true,
    advice: 'No token was left behind; try again after `Retry-After` seconds.',
  },
  'vault-unavailable': {
    status: 503,
    title: 'Vault does not answer, and no credential in memory is fresh enough.',
    retry: true,
    advice: 'Nothing was sent to LogicMonitor; try again after `Retry-After` seconds.',
  },
  'vault-denied': {
    status: 503,
    title: 'Vault refuses the broker its credential.',
    retry: false,
    advice: 'An operator must act; nothing was sent to LogicMonitor.',
  },
  'credential-misconfigured': {
    status: 503,
    title: 'The broker has no usable LogicMonitor credential.',
    retry: false,
    advice: 'An operator must act; nothing was sent to LogicMonitor.',
  },
  'own-admin-unknown': {
    status: 503,
    title: 'The broker does not know yet which LogicMonitor user its own key belongs to.',
    retry: true,
    advice: 'Nothing was minted; try again after `Retry-After` seconds.',
  },
  'upstream-credential-rejected': {
    status: 502,
    title: 'LogicMonitor does not accept the key of the broker.',
    retry: false,
    advice: 'An operator must act; nothing was minted.',
  },
  'upstream-forbidden': {
    status: 502,
    title: 'LogicMonitor does not let the key of the broker do this.',
    retry: false,
    advice:
      'An operator must give the LogicMonitor user of the broker the right to create tokens; nothing was minted.',
  },
  'admin-not-found': {
    status: 404,
    title: 'LogicMonitor has no such admin.',
    retry: false,
    advice: 'Check the id in the path.',
  },
  'upstream-conflict': {
    status: 409,
    title: 'LogicMonitor reports a conflict.',
    retry: false,
    advice: 'Nothing was minted; see whether the admin can have another token.',
  },
  'upstream-rejected': {
    status: 422,
    title: 'LogicMonitor rejected the request.',
    retry: false,
    advice: 'Nothing was minted; the operator finds LogicMonitor’s status under the request id.',
  },
  'upstream-rate-limited': {
    status: 503,
    title: 'The rate limit of the LogicMonitor account is used up.',
    retry: true,
    advice: 'Nothing was minted; try again after `Retry-After` seconds.',
  },
  'upstream-unreachable': {
    status: 502,
    title: 'LogicMonitor cannot be reached.',
    retry: true,
    advice: 'Nothing was sent; try again after `Retry-After` seconds.',
  },
  'upstream-unavailable': {
    status: 503,
    title: 'LogicMonitor is in trouble, so that nothing is sent to it.',
    retry: true,
    advice: 'Nothing was minted; try again after `Retry-After` seconds.',
  },
  'upstream-protocol': {
    status: 502,
    title: 'LogicMonitor answered with a redirect, which is never followed.',
    retry: false,
    advice: 'An operator must check the address of the portal; nothing was minted.',
  },
  'outcome-unknown': {
    status: 504,
    title: 'It is not known whether LogicMonitor made a token.',
    retry: true,
    advice: 'No secret was handed over. Quote `mintId`; a new request is a new attempt.',
  },
  draining: {
    status: 503,
    title: 'This broker is shutting down.',
    retry: true,
    advice: 'Try again; another broker, or this one after its restart, will answer.',
  },
  overloaded: {
    status: 503,
    title: 'The broker has more requests than it can serve.',
    retry: true,
    advice: 'Nothing was done; try again after `Retry-After` seconds.',
  },
  'internal-error': {
    status: 500,
    title: 'The broker failed.',
    retry: false,
    advice: 'Quote the request id to the team that runs the broker.',
  },
} as const satisfies Record<string, ProblemRow>;

/** The name of a problem: the last part of its `type`. */
export type ProblemName = keyof typeof PROBLEMS;

/** Why policy said no: stable codes, free of the policy's text. */
export const DENIAL_REASONS = [
  'no-permit',
  'forbidden',
  'claim-type',
  'reason-required',
  'wrap-required',
  'key-required',
  'ttl-required',
  'ttl-too-long',
  'own-admin',
] as const;
export type DenialReason = (typeof DENIAL_REASONS)[number];

/** One fault of a request: where (a JSON pointer into the body, or `path`, `query`, `header` and a name) and what. */
export interface RequestFault {
  readonly pointer: string;
  readonly detail: string;
}

/** What a problem carries beside its name; each member only where the table asks for it. */
export interface ProblemExtras {
  /** Seconds; null when waiting will not help, although the table has a `Retry-After` for this problem. */
  readonly retryAfterS?: number | null;
  readonly reason?: DenialReason;
  readonly decisionId?: string;
  readonly mintId?: string;
  readonly errors?: readonly RequestFault[];
  readonly allow?: string;
  /** A stable code for the operator's log and the audit record; never sent to the caller. */
  readonly operatorReason?: string;
}

/**
 * A failure that the caller is told of. `detail` is written for the caller and holds no secret and no word of an
 * upstream's; `cause`, when there is one, goes to the operator's log only.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problem: ProblemName;
  readonly extras: ProblemExtras;

  constructor(problem: ProblemName, detail: string, extras: ProblemExtras = {}, cause?: unknown) {
    super(detail, { cause });
    this.problem = problem;
    this.extras = extras;
  }

  get status(): number {
    return PROBLEMS[this.problem].status;
  }

  /** Whole seconds for `Retry-After`, at least 1; undefined when there is to be none. */
  get retryAfterS(): number | undefined {
    if (!PROBLEMS[this.problem].retry || this.extras.retryAfterS === null) return undefined;
    return Math.max(1, Math.ceil(this.extras.retryAfterS ?? 1));
  }
}

/** A fault of our own: whatever is thrown and is no `Problem`. The cause is for the operator, not for the caller. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return new Problem('internal-error', 'The broker failed while it worked on this request.', {}, thrown);
}
