import type { Dispatcher } from 'undici';
import { request } from 'undici';
import type { Clock } from '../mint/clock.ts';
import { readJson } from '../mint/json.ts';

/** Why an issuer's document cannot be had: a code or a short sentence for the operator, free of the document's text. */
export class FetchFault extends Error {
  override readonly name = 'FetchFault';
}

/** Reads one JSON document, with a bearer token where one is given. Throws `FetchFault`. */
export type FetchJson = (url: string, token?: string) => Promise<unknown>;

const MAX_BYTES = 512 * 1024;

/**
 * Fetches JSON within `timeoutMs`, body included, at most 512 kB, and follows no redirect: whoever may set one could
 * put other keys in the place of the issuer's.
 */
export function createFetchJson(dispatcher: Dispatcher, clock: Clock, timeoutMs: number): FetchJson {
  return async (url, token) => {
    const abort = new AbortController();
    const cancel = clock.after(timeoutMs, () => abort.abort());
    try {
      const { statusCode, body } = await request(url, {
        dispatcher,
        signal: abort.signal,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      if (statusCode !== 200) {
        body.on('error', () => {}).destroy();
        throw new FetchFault(`HTTP ${statusCode}`);
      }
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of body) {
        if (!(part instanceof Uint8Array)) throw new FetchFault('unreadable');
        bytes += part.length;
        if (bytes > MAX_BYTES) throw new FetchFault(`more than ${MAX_BYTES} bytes`);
        parts.push(part);
      }
      const read = readJson(Buffer.concat(parts));
      if (!read.ok) throw new FetchFault('not JSON, or a member stands twice');
      return read.value;
    } catch (error) {
      if (error instanceof FetchFault) throw error;
      if (abort.signal.aborted) throw new FetchFault(`no answer within ${timeoutMs} ms`);
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
      throw new FetchFault(code);
    } finally {
      cancel();
    }
  };
}
