import { z } from 'zod';

/** What went wrong with one call to Vault. */
type VaultFaultKind =
  /** No connection, or it broke. */
  | 'unreachable'
  | 'timeout'
  | 'sealed'
  /** A node that has not caught up yet: 412, or 400 from read-only storage. */
  | 'lagging'
  /** 403, or a login that was refused. */
  | 'denied'
  /** Vault's own 404; a 404 of something in between is `protocol`. */
  | 'not-found'
  | 'bad-request'
  | 'rate-limited'
  /** 5xx. */
  | 'server'
  /** A redirect, or an answer that is not Vault's. */
  | 'protocol'
  /** Nothing was sent: the JWT to log in with cannot be read. */
  | 'local';

interface VaultFaultFacts {
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  readonly retryAfterS?: number | undefined;
}

/**
 * A call to Vault that failed. It has no `cause` and none of the exchange's words, by construction: headers, body and
 * the errors of the client (which may quote them) stop here, and what remains comes from closed sets.
 */
export class VaultFault extends Error {
  override readonly name = 'VaultFault';
  readonly kind: VaultFaultKind;
  /** Vault's HTTP status; undefined when none came. */
  readonly status: number | undefined;
  /** A finer reason: the system's, such as `ECONNREFUSED`, or one of our own in lower case, such as `redirect`. */
  readonly code: string | undefined;
  /** What `Retry-After` asked for, 1 … 60. */
  readonly retryAfterS: number | undefined;

  constructor(kind: VaultFaultKind, { status, code, retryAfterS }: VaultFaultFacts = {}) {
    super(`Vault: ${[kind, status, code].filter((part) => part !== undefined).join(' ')}`);
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** Whether something thrown is a `VaultFault` of one of these kinds. */
export function isVaultFault(thrown: unknown, ...kinds: VaultFaultKind[]): thrown is VaultFault {
  return thrown instanceof VaultFault && kinds.includes(thrown.kind);
}

const errorCode = z.object({ code: z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/) });

/** The fault for an error of the socket, TLS or undici. Only its code is kept, when it looks like one. */
export function faultOfTransport(thrown: unknown): VaultFault {
  if (thrown instanceof VaultFault) return thrown;
  const parsed = errorCode.safeParse(thrown);
  const code = parsed.success ? parsed.data.code : undefined;
  if (code !== undefined && /TIMEOUT|ETIMEDOUT/.test(code)) return new VaultFault('timeout', { code });
  const answered = code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code?.startsWith('HPE_');
  return new VaultFault(answered ? 'protocol' : 'unreachable', { code });
}

const refusal = z.object({ errors: z.array(z.string()) });
const deadVersion = z.object({
  data: z.object({ data: z.null(), metadata: z.object({ destroyed: z.boolean() }) }),
});

/**
 * The fault for an answer other than 200 and 204, by Vault's status codes
 * (https://developer.hashicorp.com/vault/api-docs#http-status-codes). A 4xx counts only with Vault's own JSON: a proxy's
 * 403 or 404 page must not pass for Vault saying no.
 */
export function faultOfAnswer(status: number, body: unknown, retryAfter: string | undefined): VaultFault {
  if (status >= 300 && status < 400) return new VaultFault('protocol', { status, code: 'redirect' });
  const retryAfterS = /^[0-9]{1,6}$/.test(retryAfter ?? '')
    ? Math.min(60, Math.max(1, Number(retryAfter)))
    : undefined;
  if (status === 429) return new VaultFault('rate-limited', { status, retryAfterS });
  if (status === 412) return new VaultFault('lagging', { status });
  const dead = deadVersion.safeParse(body);
  if (status === 404 && dead.success) {
    const code = dead.data.data.metadata.destroyed ? 'version-destroyed' : 'version-deleted';
    return new VaultFault('not-found', { status, code });
  }
  const parsed = refusal.safeParse(body);
  const says = (words: string) => parsed.success && parsed.data.errors.some((error) => error.includes(words));
  if (status >= 500) return new VaultFault(says('is sealed') ? 'sealed' : 'server', { status, retryAfterS });
  if (!parsed.success) return new VaultFault('protocol', { status, code: 'foreign-answer' });
  if (status === 403) return new VaultFault('denied', { status });
  if (status === 404) {
    if (says('namespace not found')) return new VaultFault('not-found', { status, code: 'namespace-absent' });
    if (says('no handler for route')) return new VaultFault('not-found', { status, code: 'mount-absent' });
    return new VaultFault('not-found', { status });
  }
  if (status === 400 && says('readonly storage')) return new VaultFault('lagging', { status });
  return new VaultFault('bad-request', { status });
}
