import http from 'node:http';
import https from 'node:https';
import { json } from 'node:stream/consumers';

/** A Vault or OpenBao server as an administrator sees it. */
export type VaultApi = {
  /** Scheme, host and port, without a trailing slash. */
  address: string;
  /** The PEM of a CA of one's own that the server's certificate is from. */
  ca?: string;
  /**
   * One call of the HTTP API; `path` is what follows `/v1/`. Resolves to the parsed answer, `null` when that is empty or no JSON.
   * Throws a `VaultRefusal` for a status of 400 and above, and Node's own error when the server cannot be reached.
   * `token` is whose call it is, the administrator's unless given; `''` sends none.
   */
  api(method: string, path: string, body?: unknown, token?: string): Promise<unknown>;
};

/** The server answered with an error. The message holds method, path, status and the server's words, never a token or a body. */
export class VaultRefusal extends Error {
  override name = 'VaultRefusal';
  readonly status: number;

  constructor(method: string, path: string, status: number, answer: unknown) {
    super(`${method} ${path}: ${status} ${errorsOf(answer)}`);
    this.status = status;
  }
}

/** Speaks to the server at `address` with an administrator's token. */
export function connect(address: string, adminToken: string, ca?: string): VaultApi {
  return {
    address,
    ...(ca === undefined ? {} : { ca }),
    api: (method, path, body, token = adminToken) =>
      call(new URL(`/v1/${path}`, address), { method, token, ca, body, path }),
  };
}

type Call = { method: string; path: string; token: string; ca: string | undefined; body: unknown };

/** Gives up after this many ms, so that a stopped (SIGSTOP) server fails a test instead of hanging it. */
const DEADLINE = 10_000;

async function call(url: URL, { method, path, token, ca, body }: Call): Promise<unknown> {
  const client = url.protocol === 'https:' ? https : http;
  const request = client.request(url, {
    method,
    // A connection of its own for each call: none outlives a restart of the server.
    agent: false,
    signal: AbortSignal.timeout(DEADLINE),
    headers: token === '' ? {} : { 'x-vault-token': token },
    ...(ca === undefined ? {} : { ca }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  request.on('response', resolve).on('error', reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const response = await promise;
  const status = response.statusCode ?? 0;
  const answer = await json(response).catch(() => null);
  if (status >= 400) throw new VaultRefusal(method, path, status, answer);
  return answer;
}

function errorsOf(answer: unknown): string {
  const errors = typeof answer === 'object' && answer !== null && 'errors' in answer ? answer.errors : [];
  return Array.isArray(errors) ? errors.join('; ') : '';
}
