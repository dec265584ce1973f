/** What LM answers, before it is put into the envelope of the API version that was asked for. */
export interface Answer {
  status: number;
  /** The object at top level (v3) or under `data` (v1). */
  body: unknown;
  /** Set on errors only: LM's own code, and its text. */
  error?: { code: number; message: string };
}

/**
 * A request that LM turns down, with LM's HTTP status and errorCode (LM's page "REST API status codes").
 */
export class Refusal extends Error {
  readonly status: number;
  readonly code: number;

  constructor(status: number, message: string, code = 1000 + status) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The same, as an answer. */
  answer(): Answer {
    return { status: this.status, body: null, error: { code: this.code, message: this.message } };
  }
}

/** The one 401 for every cause. [A] LM documents status and code; one body for all causes is assumed. */
export function authenticationFailed(): Refusal {
  return new Refusal(401, 'Authentication failed');
}

/**
 * Status and JSON text by API version. v3: the object itself, or `{errorMessage, errorCode, errorDetail}`.
 * Older versions: always HTTP 200 and `{status, errmsg, data}`, errors too, 401 and 429 included
 * (LM: "almost always"; that there is no exception is [A]).
 */
export function enveloped(answer: Answer, version: 'v3' | 'v1'): { status: number; text: string } {
  const { status, body, error } = answer;
  if (version === 'v1') {
    const envelope = error
      ? { status: error.code, errmsg: error.message, data: null }
      : { status, errmsg: 'OK', data: body };
    return { status: 200, text: JSON.stringify(envelope) };
  }
  const plain = error ? { errorMessage: error.message, errorCode: error.code, errorDetail: null } : body;
  return { status, text: JSON.stringify(plain) };
}

/**
 * Which API version a request asks for: header `X-Version: 3` or query `v=3`; without either LM serves its
 * oldest. Versions 1 and 2 share one envelope.
 */
export function versionOf(header: string | string[] | undefined, query: URLSearchParams): 'v3' | 'v1' {
  return header === '3' || query.get('v') === '3' ? 'v3' : 'v1';
}
