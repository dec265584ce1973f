import { Pool } from 'undici';
import { z } from 'zod';
import { type Clock, Deadline } from '../mint/clock.ts';
import { faultOfAnswer, faultOfTransport, VaultFault } from './fault.ts';

/** What node-vault hands to its transport. Its other options (`strictSSL`, by `VAULT_SKIP_VERIFY`) count for nothing. */
const transportOptions = z.object({
  method: z.string(),
  uri: z.string(),
  headers: z.record(z.string(), z.string()),
  json: z.unknown().optional(),
  deadline: z.instanceof(Deadline),
});

/** The part of a full answer that node-vault reads. */
interface TransportAnswer {
  readonly statusCode: number;
  readonly body: unknown;
  readonly request: { readonly path: string };
}

/** node-vault's `request-promise`: a transport that it asks for once and then calls for each request. */
export interface Transport {
  defaults(): (options: unknown) => Promise<TransportAnswer>;
  /** Breaks every connection, also those in use. */
  destroy(): Promise<void>;
}

/** Vault stores at most 1 MiB under one key; no answer that we read comes near. */
const MAX_ANSWER_BYTES = 1_048_576;

/**
 * HTTP to one Vault server over kept-alive connections. A call ends by its own `deadline` or after `timeoutMs`,
 * whichever is earlier, follows no redirect, reads at most 1 MiB, and resolves for 200 and 204 only; all else is thrown
 * as a `VaultFault`. That stands in for node-vault's own transport, whose errors carry the token and which sends it
 * wherever a redirect points.
 */
export function openTransport(
  server: { readonly address: string; readonly caPem?: string | undefined; readonly timeoutMs: number },
  clock: Clock,
): Transport {
  const { timeoutMs, caPem } = server;
  const pool = new Pool(new URL(server.address).origin, {
    connections: 8,
    allowH2: false,
    maxResponseSize: MAX_ANSWER_BYTES,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    // Said outright, since NODE_TLS_REJECT_UNAUTHORIZED decides otherwise.
    connect: { timeout: timeoutMs, rejectUnauthorized: true, ...(caPem === undefined ? {} : { ca: caPem }) },
  });

  async function request(given: unknown): Promise<TransportAnswer> {
    const { method, uri, headers, json, deadline } = transportOptions.parse(given);
    const { pathname, search } = new URL(uri);
    const path = pathname + search;
    const timeout = new AbortController();
    const over = clock.after(deadline.within(timeoutMs).remainingMs(), () => timeout.abort());
    try {
      const {
        statusCode,
        headers: answered,
        body,
      } = await pool.request({
        method,
        path,
        headers: json === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        body: json === undefined ? null : JSON.stringify(json),
        signal: timeout.signal,
      });
      const answer = jsonOrUndefined(await body.text());
      if (statusCode === 204) return { statusCode, body: undefined, request: { path } };
      if (statusCode !== 200) {
        const retryAfter = answered['retry-after'];
        throw faultOfAnswer(statusCode, answer, typeof retryAfter === 'string' ? retryAfter : undefined);
      }
      if (answer === undefined)
        throw new VaultFault('protocol', { status: statusCode, code: 'foreign-answer' });
      return { statusCode, body: answer, request: { path } };
    } catch (thrown) {
      if (timeout.signal.aborted) throw new VaultFault('timeout');
      throw faultOfTransport(thrown);
    } finally {
      over();
    }
  }

  return { defaults: () => request, destroy: () => pool.destroy() };
}

/** What a text says as JSON. The parser's error would quote the text, so there is none. */
function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
