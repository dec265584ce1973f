import { type ServerResponse, STATUS_CODES } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as elapsed } from 'node:timers/promises';

/** Where an answer goes, and what ends all waiting. */
export interface Wire {
  response: ServerResponse;
  stopped: AbortSignal;
}

/** An answer as it goes over the wire. */
export interface Sent {
  status: number;
  headers: Record<string, string>;
  body: string | Uint8Array;
}

const CHUNK = Buffer.alloc(65_536, ' ');

/** Sends the whole answer with its length. */
export function send({ response }: Wire, { status, headers, body }: Sent): number {
  begin(response, status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
  response.end(body);
  return status;
}

/** Resets the connection (RST, not FIN) without an answer. */
export function reset({ response }: Wire): null {
  response.socket?.resetAndDestroy();
  return null;
}

/** Promises the whole body, sends half, then closes the connection. */
export function sendTruncated({ response }: Wire, { status, headers, body }: Sent): number {
  const length = Buffer.byteLength(body);
  begin(response, status, { ...headers, 'content-length': String(length) });
  response.write(body.slice(0, Math.floor(body.length / 2)), () => response.socket?.destroySoon());
  return status;
}

/** The right answer followed by blanks (which JSON allows), `bytes` in all. Stops when the caller hangs up. */
export async function sendPadded({ response }: Wire, sent: Sent, bytes: number): Promise<number> {
  const { status, headers, body } = sent;
  const padding = Math.max(0, bytes - Buffer.byteLength(body));
  begin(response, status, { ...headers, 'content-length': String(padding + Buffer.byteLength(body)) });
  response.write(body);
  // All that can go wrong is that the caller hangs up.
  await pipeline(blanks(padding), response).catch(() => undefined);
  return status;
}

function* blanks(left: number): Generator<Uint8Array> {
  for (let rest = left; rest > 0; rest -= CHUNK.length) yield CHUNK.subarray(0, rest);
}

/** Headers and half of the body at once, the rest after `ms`. */
export async function sendInParts({ response, stopped }: Wire, sent: Sent, ms: number): Promise<number> {
  const { status, headers, body } = sent;
  begin(response, status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
  const half = Math.floor(body.length / 2);
  response.write(body.slice(0, half));
  await elapsed(ms, undefined, { signal: stopped });
  response.end(body.slice(half));
  return status;
}

/** The status line at once, the headers after `ms`; then the connection is closed. */
export async function sendSlowHeaders({ response, stopped }: Wire, sent: Sent, ms: number): Promise<number> {
  const { status, headers, body } = sent;
  const { socket } = response;
  socket?.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`);
  await elapsed(ms, undefined, { signal: stopped });
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  });
  socket?.write(`${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  socket?.end(body);
  return status;
}

function begin(response: ServerResponse, status: number, headers: Record<string, string>): void {
  // LM's own clock is told, or, for what is not LM's, none.
  response.sendDate = false;
  response.writeHead(status, headers);
}
