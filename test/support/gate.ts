import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay to a port of loopback, which can be shut while what is behind it stays as it is. */
export interface Gate {
  /** `http://127.0.0.1:PORT`, the same over every `shut` and `open`. */
  readonly url: string;
  /** The method and path of every HTTP request that went through, in order. */
  readonly requests: readonly string[];
  /** All that was said, both ways, as Latin-1. */
  readonly heard: string;
  /** From now on connections are refused; those that stand are reset. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

const REQUEST_LINE = /^[A-Z]+ \/\S* (?=HTTP\/1\.1\r\n)/gm;

/** Opens a gate before `port` that ends with the test `t`. */
export async function startGate(
  t: { teardown(handler: () => Promise<unknown> | unknown): unknown },
  port: number,
): Promise<Gate> {
  const sockets = new Set<Socket>();
  const heard: string[] = [];
  const relay = (outer: Socket): void => {
    const inner = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy()).on('close', () => sockets.delete(socket));
    }
    for (const socket of [outer, inner]) socket.on('data', (bytes) => heard.push(bytes.toString('latin1')));
    outer.pipe(inner).pipe(outer);
  };
  let server: Server | undefined;
  let own = 0;
  const open = async (): Promise<void> => {
    server = createServer({ allowHalfOpen: true }, relay).listen(own, '127.0.0.1');
    await once(server, 'listening');
    own = (server.address() as AddressInfo).port; // `as`: it listens on a port, not on a pipe
  };
  const shut = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    server = undefined;
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  t.teardown(shut);
  await open();
  const all = (): string => heard.join('\n');
  return {
    url: `http://127.0.0.1:${own}`,
    get requests() {
      return [...all().matchAll(REQUEST_LINE)].map(([line]) => line.trim());
    },
    get heard() {
      return all();
    },
    shut,
    open,
  };
}
