import { createSecretKey } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { createPortal, type LmPortal, type PortalSettings } from '../../src/logicmonitor/portal.ts';
import { Deadline, systemClock } from '../../src/mint/clock.ts';
import { type AdminId, adminIdSchema, newMintId } from '../../src/mint/ids.ts';
import { markedNote } from '../../src/mint/marker.ts';
import type { CreateOrder, Pair } from '../../src/mint/ports.ts';

/** LM's published example, not a secret of anyone's. */
export const EXAMPLE = {
  accessId: '48v2wRzfK94y53sq5EuF',
  accessKey: 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+',
};
/** The secret that the answers of these tests carry. */
export const MINTED_KEY = '}M1nt3d~key{';

export const pair: Pair = {
  accessId: EXAMPLE.accessId,
  key: createSecretKey(Buffer.from(EXAMPLE.accessKey)),
  version: 1,
};
export const admin: AdminId = adminIdSchema.parse('32');
export const order: CreateOrder = {
  adminId: admin,
  type: 'API token',
  note: markedNote(
    'ci',
    newMintId((count) => new Uint8Array(count).fill(7)),
  ),
  status: 2,
};

export const within = (ms: number) => new Deadline(systemClock, ms);

/** What the portal told the operator. */
export interface Told {
  readonly level: 'warn' | 'info';
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** A portal at the stand-in's `origin` for one test, closed after it, with what it tells the operator. */
export function portalAt(
  t: Test,
  origin: string,
  settings: Partial<PortalSettings> = {},
): { portal: LmPortal; told: Told[] } {
  const told: Told[] = [];
  const portal = createPortal(
    {
      baseUrl: `${origin}/santaba/rest`,
      connectTimeoutMs: 2_000,
      attemptTimeoutMs: 8_000,
      maxAnswerBytes: 262_144,
      version: '0.0.0',
      ...settings,
    },
    {
      clock: systemClock,
      events: {
        warn: (message, detail) => told.push({ level: 'warn', message, detail }),
        info: (message, detail) => told.push({ level: 'info', message, detail }),
      },
    },
  );
  t.teardown(() => portal.breakOff());
  return { portal, told };
}

/** An HTTP server for one test, closed after it; its URL. */
export async function httpServer(
  t: Test,
  serve: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume().on('end', () => serve(request, response));
  });
  t.teardown(() => server.closeAllConnections());
  return await listen(t, server);
}

/** A TCP server for one test, closed after it with its connections; its URL. */
export async function tcpServer(t: Test, serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return await listen(t, server);
}

async function listen(t: Test, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return `http://127.0.0.1:${port}`;
}
