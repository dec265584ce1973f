import { type Dispatcher, errors, Pool } from 'undici';
import type { Clock, Deadline } from '../mint/clock.ts';
import type { SignedCall } from '../mint/ports.ts';

/** How the portal is reached. */
export interface ClientSettings {
  /** `https://COMPANY.DOMAIN/santaba/rest`, or a stand-in's, whole. */
  readonly baseUrl: string;
  /** For one connection, TLS included, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** For one call from first to last, in milliseconds; the caller's own deadline holds as well. */
  readonly attemptTimeoutMs: number;
  /** The largest body of an answer that is read, in bytes. */
  readonly maxAnswerBytes: number;
  /** How many connections there are at most; a further call waits for one. Default 64. */
  readonly connections?: number;
  /** Of this program, for `User-Agent`. */
  readonly version: string;
}

/** Status and headers of an answer, names in lower case. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What became of one HTTP exchange. `reason` is a code, never a text of the other side's. */
export type Exchange =
  /** No byte of the request was written. */
  | { readonly kind: 'unsent'; readonly reason: string }
  /** The request was written, at least in part, and no whole answer came; `head` when that much did. */
  | { readonly kind: 'cut'; readonly head: AnswerHead | undefined; readonly reason: string }
  | { readonly kind: 'whole'; readonly head: AnswerHead; readonly body: Uint8Array };

/** The status, when one came, and the reason of an exchange without a whole answer. */
export function brokenOff(exchange: Exclude<Exchange, { kind: 'whole' }>): {
  status: number | null;
  reason: string;
} {
  const head = exchange.kind === 'cut' ? exchange.head : undefined;
  return { status: head?.status ?? null, reason: exchange.reason };
}

export interface Client {
  /** Sends one call once; never throws, never sends it again, follows no redirect, decompresses nothing. */
  exchange(call: SignedCall, deadline: Deadline): Promise<Exchange>;
  /** Breaks off the calls under way: what was sent is `cut`, the rest `unsent`. Resolves when the connections are closed. */
  breakOff(): Promise<void>;
}

/** Whether a request was handed to a connection; travels with it as undici's `opaque`. */
class Attempt {
  started = false;
}

/**
 * The client of one portal. What it sends is known exactly: undici calls `onRequestStart` with a connected socket
 * right before it writes, in the same turn of the event loop.
 *
 * Throws a TypeError when `baseUrl` is no URL.
 */
export function createClient(settings: ClientSettings, clock: Clock): Client {
  const base = new URL(settings.baseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  const pool = new Pool(base.origin, {
    connections: settings.connections ?? 64,
    pipelining: 1,
    // HTTP/2 may send a refused stream again.
    allowH2: false,
    // Said, since NODE_TLS_REJECT_UNAUTHORIZED would otherwise be asked.
    connect: { timeout: settings.connectTimeoutMs, rejectUnauthorized: true },
    // Off: undici's timers are half a second coarse; the signal below ends every phase.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: settings.maxAnswerBytes,
    // Short, since a POST on a connection that LM closes at that moment has an unknown end.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 4_000,
  });
  const dispatcher = pool.compose((dispatch) => (options, handler) => {
    const attempt = 'opaque' in options ? options.opaque : undefined;
    return dispatch(options, attempt instanceof Attempt ? noteStart(attempt, handler) : handler);
  });
  const fixedHeaders = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    'user-agent': `lm-token-broker/${settings.version}`,
    'x-version': '3',
  };

  async function exchange(call: SignedCall, deadline: Deadline): Promise<Exchange> {
    const attempt = new Attempt();
    const timeUp = new AbortController();
    const leftMs = deadline.within(settings.attemptTimeoutMs).remainingMs();
    if (leftMs === 0) return { kind: 'unsent', reason: 'timeout' };
    const callOff = clock.after(leftMs, () => timeUp.abort());
    let head: AnswerHead | undefined;
    try {
      const { statusCode, headers, body } = await dispatcher.request({
        method: call.method,
        path: `${basePath}${call.path}${call.query}`,
        headers: { ...fixedHeaders, authorization: call.authorization.reveal() },
        body: call.body === '' ? null : call.body,
        signal: timeUp.signal,
        opaque: attempt,
      });
      head = { status: statusCode, headers };
      return { kind: 'whole', head, body: await body.bytes() };
    } catch (error) {
      const reason = timeUp.signal.aborted ? 'timeout' : reasonOf(error);
      return attempt.started ? { kind: 'cut', head, reason } : { kind: 'unsent', reason };
    } finally {
      callOff();
    }
  }

  let closed: Promise<void> | undefined;
  return {
    exchange,
    breakOff() {
      closed ??= pool.destroy();
      return closed;
    },
  };
}

/**
 * Notes when the request is handed to a connection. A second time never comes to pass: undici puts a request back into
 * its queue when the connection goes in some ways of its own making, and the write would be a second POST.
 */
function noteStart(attempt: Attempt, handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller, context) {
      if (attempt.started) {
        controller.abort(new Error('already sent'));
        return;
      }
      handler.onRequestStart?.(controller, context);
      attempt.started = !controller.aborted;
    },
    onRequestUpgrade: (...given) => handler.onRequestUpgrade?.(...given),
    onResponseStart: (...given) => handler.onResponseStart?.(...given),
    onResponseData: (...given) => handler.onResponseData?.(...given),
    onResponseEnd: (...given) => handler.onResponseEnd?.(...given),
    onResponseError: (...given) => handler.onResponseError?.(...given),
  };
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNRESET', 'reset'],
  ['EPIPE', 'reset'],
  ['UND_ERR_SOCKET', 'reset'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'reset'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'too-large'],
  ['UND_ERR_HEADERS_OVERFLOW', 'too-large'],
]);

/** The code of an error; its message is left behind, since it may quote what the other side wrote. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.HTTPParserError) return 'not-http';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return 'unknown';
  return REASONS.get(code) ?? code;
}
