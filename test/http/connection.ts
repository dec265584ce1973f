import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import type { Answer } from '../support/stack.ts';

/** A request as it goes over the wire: nothing of it is checked, added or put in order, a `Content-Length` for a body aside. */
export interface WireRequest {
  /** `POST` unless given. */
  readonly method?: string;
  readonly path: string;
  /** Names and values in this order, as often as they stand here. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Uint8Array;
}

/** Longest silence of a peer that is owed an answer, ms. */
const PATIENCE_MS = 10_000;

/** One TCP connection to the broker: the test writes bytes and reads answers. It ends with the test. */
export class Connection {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #unread = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('the peer was silent for too long')));
    socket.on('error', () => {}); // told by `answer` and `rest`, if the test still waits for something
  }

  /** Connects to the origin `url`. */
  static async open(t: { teardown(handler: () => unknown): unknown }, url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Connects to the origin `url` over TLS; `session` is called with each session that could be resumed. */
  static async overTls(
    t: { teardown(handler: () => unknown): unknown },
    url: string,
    options: ConnectionOptions,
    session: (session: Buffer) => void = () => {},
  ): Promise<{ connection: Connection; socket: TLSSocket }> {
    const { hostname, port } = new URL(url);
    const socket = connectTls({ host: hostname, port: Number(port), ...options });
    t.teardown(() => socket.destroy());
    socket.on('session', session);
    await once(socket, 'secureConnect');
    return { connection: new Connection(socket), socket };
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  /** Sends a FIN: nothing more will be written, answers can still be read. */
  end(): void {
    this.#socket.end();
  }

  /** The next answer, an interim one too. Rejects when the connection ends before it is whole. */
  async answer(): Promise<Answer> {
    const headLength = (await this.#until(() => endOfHead(this.#unread))) ?? 0;
    const [statusLine = '', ...lines] = this.#take(headLength).toString('latin1').trimEnd().split('\r\n');
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const length = Number(headers.get('content-length') ?? 0);
    await this.#until(() => (this.#unread.length >= length ? length : undefined));
    const text = this.#take(length).toString('utf8');
    const isJson = /json/.test(headers.get('content-type') ?? '');
    const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(statusLine)?.[1]);
    return { status, headers, text, body: isJson && text !== '' ? JSON.parse(text) : null };
  }

  /** Whatever else comes until the peer closes the connection. */
  async rest(): Promise<string> {
    while (await this.#more());
    return this.#take(this.#unread.length).toString('utf8');
  }

  async #until<T>(test: () => T | undefined): Promise<T> {
    for (;;) {
      const found = test();
      if (found !== undefined) return found;
      if (!(await this.#more())) throw new Error('the connection ended before the answer was whole');
    }
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#unread = Buffer.concat([this.#unread, value]);
    return true;
  }

  #take(length: number): Buffer {
    const taken = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return taken;
  }
}

function endOfHead(bytes: Buffer): number | undefined {
  const at = bytes.indexOf('\r\n\r\n');
  return at < 0 ? undefined : at + 4;
}

/** The bytes of a request. */
export function wire({ method = 'POST', path, headers = [], body }: WireRequest): Buffer {
  const payload = Buffer.from(body ?? '');
  const sent = [['Host', 'broker.test'], ...headers];
  const framed = sent.some(([name]) => /^(?:content-length|transfer-encoding)$/i.test(name ?? ''));
  if (!framed && body !== undefined) sent.push(['Content-Length', String(payload.length)]);
  const lines = sent.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), payload]);
}

/** Sends one request over a connection of its own and gives its answer; HEAD has none with a body, so do not ask by it. */
export async function ask(
  t: { teardown(handler: () => unknown): unknown },
  url: string,
  request: WireRequest,
): Promise<Answer> {
  const connection = await Connection.open(t, url);
  connection.write(wire(request));
  const answer = await connection.answer();
  connection.end();
  return answer;
}

/** What tests of the wire send: a good request of the allowed caller, whole and in parts. */
export function requestsOf({ callerJwt }: { readonly callerJwt: string }) {
  const path = '/admins/32/tokens';
  const authorization = ['Authorization', `Bearer ${callerJwt}`] as const;
  const json = ['Content-Type', 'application/json'] as const;
  return {
    path,
    authorization,
    json,
    good: { path, headers: [authorization, json], body: '{}' },
    /** The request line and headers of a good request whose body is yet to come, `more` headers included. */
    head: (...more: (readonly [string, string])[]): Buffer =>
      wire({ path, headers: [authorization, json, ...more] }),
  };
}
