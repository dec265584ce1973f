import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { json } from 'node:stream/consumers';

/** A call as it came over the wire. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly token: string | undefined;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface FakeVault {
  readonly address: string;
  readonly calls: SeenCall[];
  /** Those to paths that end so. */
  to(end: string): SeenCall[];
  /** Resolves with the call that makes it `count` calls to paths that end so. */
  seen(end: string, count: number): Promise<SeenCall>;
}

/** The test that something ends with. */
export interface Owner {
  teardown(handler: () => unknown): unknown;
}

/** An HTTP server that answers as the test says, for what a real Vault does too seldom. `undefined` resets the connection. */
export async function fakeVault(
  t: Owner,
  answer: (call: SeenCall) => Reply | undefined | Promise<Reply | undefined>,
): Promise<FakeVault> {
  const calls: SeenCall[] = [];
  const waiting = new Set<() => void>();
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const token = headers['x-vault-token'];
    const body = method === 'POST' ? await json(request) : undefined;
    const call = { method, path, headers, token: typeof token === 'string' ? token : undefined, body };
    calls.push(call);
    for (const check of waiting) check();
    const reply = await answer(call);
    if (reply === undefined) {
      request.socket.destroy();
      return;
    }
    const text = typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body);
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  const to = (end: string) => calls.filter(({ path }) => path.endsWith(end));
  return {
    address: `http://127.0.0.1:${address.port}`,
    calls,
    to,
    seen: (end, count) =>
      new Promise((resolve) => {
        const check = () => {
          const call = to(end)[count - 1];
          if (call === undefined) return;
          waiting.delete(check);
          resolve(call);
        };
        waiting.add(check);
        check();
      }),
  };
}

/** The answer to a login or a renewal; `seconds` is the life, 0 for one without end. */
export function granted(token: string, seconds: number, renewable = true): Reply {
  return { status: 200, body: { auth: { client_token: token, lease_duration: seconds, renewable } } };
}

/** The answer to a read of KV v2. */
export function secret(fields: Record<string, unknown>, version = 1): Reply {
  return { status: 200, body: { data: { data: fields, metadata: { version, destroyed: false } } } };
}

export function refused(status: number, ...errors: string[]): Reply {
  return { status, body: { errors } };
}
