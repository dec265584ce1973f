import { createHmac } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { z } from 'zod';

/** The pair that a simulator started without options takes: LM's published example. */
export const ROOT = {
  accessId: '48v2wRzfK94y53sq5EuF',
  accessKey: 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+',
};

/** An answer as it came over the wire. */
export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  body: Record<string, unknown>;
}

/** How one request differs from a plain, correctly signed one. */
interface Deviation {
  key?: { accessId: string; accessKey: string };
  /** The time signed, ms. */
  epoch?: number;
  authorization?: string;
  /** What is signed instead of the body, or of the path. */
  signedBody?: string;
  signedPath?: string;
  version?: string | null;
  signal?: AbortSignal;
}

const LOOSE = z.record(z.string(), z.unknown());
const agent = new Agent({ keepAlive: false });

/** `base64(hex(HMAC-SHA256(key, verb + epoch + body + path)))`, written apart from the code under test. */
export function sign(
  accessKey: string,
  verb: string,
  epoch: number,
  body: string | Buffer,
  path: string,
): string {
  const text = Buffer.concat([Buffer.from(`${verb}${epoch}`), Buffer.from(body), Buffer.from(path)]);
  return Buffer.from(createHmac('sha256', accessKey).update(text).digest('hex')).toString('base64');
}

/** Sends one request to LM's API at `url` (the origin) over a socket of its own, signed unless told otherwise. */
export function call(
  url: string,
  method: string,
  resource: string,
  body?: unknown,
  deviation: Deviation = {},
): Promise<Reply> {
  const sent =
    body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const { key = ROOT, epoch = Date.now(), version = '3' } = deviation;
  const path = resource.split('?')[0] ?? '';
  const signature = sign(
    key.accessKey,
    method,
    epoch,
    deviation.signedBody ?? sent ?? '',
    deviation.signedPath ?? decodeURIComponent(path),
  );
  const headers: Record<string, string> = {
    authorization: deviation.authorization ?? `LMv1 ${key.accessId}:${signature}:${epoch}`,
    'content-length': String(Buffer.byteLength(sent ?? '')),
    'content-type': 'application/json',
  };
  if (version !== null) headers['x-version'] = version;
  return send(`${url}/santaba/rest${resource}`, method, headers, sent, deviation.signal);
}

/** One call of the control endpoint. */
export function control(url: string, method: string, path: string, body?: unknown): Promise<Reply> {
  return send(`${url}/_control/${path}`, method, {}, body === undefined ? undefined : JSON.stringify(body));
}

function send(
  url: string,
  method: string,
  headers: Record<string, string>,
  body: string | Buffer | undefined,
  signal?: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent, ...(signal ? { signal } : {}) }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, body: parsed(text) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    const loose = LOOSE.safeParse(JSON.parse(text));
    return loose.success ? loose.data : {};
  } catch {
    return {};
  }
}

/** The items of a list answer. */
export function itemsOf(reply: Reply): Record<string, unknown>[] {
  return z.array(LOOSE).parse(reply.body['items']);
}

/** What a create answer must hold to be used. */
export function minted(reply: Reply): { id: number; accessId: string; accessKey: string } {
  return z.object({ id: z.number(), accessId: z.string(), accessKey: z.string() }).parse(reply.body);
}
