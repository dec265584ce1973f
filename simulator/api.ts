import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Account } from './account.ts';
import { authenticate } from './authenticate.ts';
import { type Answer, authenticationFailed, Refusal, versionOf } from './envelope.ts';
import type { JournalEntry } from './journal.ts';
import type { ListFaults } from './list.ts';
import type { RateVerdict } from './ratelimit.ts';
import { type Exchange, respond } from './respond.ts';
import { type Route, routeOf } from './routes.ts';

const BASE = '/santaba/rest';
/** [A] LM's limit is not published; what is larger gets 413/1413. */
const LARGEST_BODY = 1_048_576;

/** A request as it came. */
interface Request {
  method: string;
  /** The percent-decoded resource path: LM's SDK signs this and sends the encoded one. */
  path: string;
  query: URLSearchParams;
  version: 'v3' | 'v1';
  authorization: string | undefined;
  address: string;
  body: Buffer;
  tooLarge: boolean;
  /** LM's clock at arrival, ms. */
  arrived: number;
}

/** Serves one request to LM's API: journal, rate limit, faults, then LM's own answer. */
export async function serveApi(account: Account, incoming: IncomingMessage, response: ServerResponse) {
  const { body, tooLarge } = await bodyOf(incoming);
  const target = incoming.url ?? '/';
  const cut = target.indexOf('?');
  const rawPath = cut === -1 ? target : target.slice(0, cut);
  if (rawPath !== BASE && !rawPath.startsWith(`${BASE}/`)) return outside(response);

  const query = new URLSearchParams(cut === -1 ? '' : target.slice(cut));
  const resource = rawPath.slice(BASE.length);
  const request: Request = {
    method: incoming.method ?? 'GET',
    path: decoded(resource),
    query,
    version: versionOf(incoming.headers['x-version'], query),
    authorization: incoming.headers.authorization,
    address: incoming.socket.remoteAddress ?? '',
    body,
    tooLarge,
    arrived: account.now(),
  };
  const at = Date.now();
  const entry = account.journal.open({
    method: request.method,
    path: resource,
    query: cut === -1 ? '' : target.slice(cut),
    version: request.version,
    body,
    at,
  });
  const route = routeOf(request.method, request.path);
  const rate = account.rate.take(route.endpoint, request.method, request.arrived, account.settings);
  const struck = account.faults.strike(request.method, request.path);
  entry.fault = struck.answer?.kind ?? null;
  const exchange: Exchange = {
    response,
    version: request.version,
    rate,
    stopped: account.stopped,
    now: () => account.now(),
    carryOut: () => carryOut(account, request, route, rate, struck.lists, entry),
  };
  account.changed();
  entry.status = await respond(exchange, struck.answer);
  entry.durationMs = Date.now() - at;
  account.changed();
}

/** Does what LM does: rate limit, size, authentication, then the operation. Notes in the journal what it did. */
function carryOut(
  account: Account,
  request: Request,
  route: Route,
  rate: RateVerdict,
  listFaults: ListFaults,
  entry: JournalEntry,
): Answer {
  const { portal, settings, random } = account;
  try {
    if (!rate.allowed) throw new Refusal(429, 'Too many requests'); // [A] the wording
    if (request.tooLarge) throw new Refusal(413, 'Request entity too large');
    const token = authenticate(portal, settings, { ...request, verb: request.method, now: request.arrived });
    if (typeof token === 'string') {
      entry.refused = token;
      throw authenticationFailed();
    }
    entry.accessId = token.accessId;
    token.lastUsedOn = Math.floor(request.arrived / 1000);
    token.lastAuthIp = request.address;
    const signer = portal.admins.get(token.adminId);
    if (signer === undefined) throw authenticationFailed();
    const { query, body } = request;
    const outcome = route.run({
      portal,
      settings,
      random,
      signer,
      query,
      body,
      now: account.now(),
      listFaults,
    });
    entry.committed = outcome.committed;
    entry.tokenId = outcome.tokenId;
    account.changed();
    return { status: 200, body: outcome.body };
  } catch (error) {
    if (error instanceof Refusal) return error.answer();
    throw error;
  }
}

/** Outside the API answers are not JSON, as on real portals. */
function outside(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/html' }).end('<html><body>404 Not Found</body></html>');
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The whole body; what is beyond the limit is read and dropped. Rejects when the caller hangs up before its end. */
function bodyOf(incoming: IncomingMessage): Promise<{ body: Buffer; tooLarge: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LARGEST_BODY) chunks.push(chunk);
    });
    incoming.once('end', () => resolve({ body: Buffer.concat(chunks), tooLarge: size > LARGEST_BODY }));
    incoming.once('error', reject);
    incoming.once('close', () => {
      if (!incoming.complete) reject(new Error('the caller hung up'));
    });
  });
}
