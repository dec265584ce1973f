import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { startStack, until } from '../support/stack.ts';
import { ask, Connection, wire } from './connection.ts';
import { isProblem, recordsOf } from './seen.ts';

const REQUEST_MS = 2_000;
const stack = await startStack(t, {
  settings: {
    REQUEST_TIMEOUT: `${REQUEST_MS}ms`,
    RECEIVE_TIMEOUT: '10s',
    LM_ATTEMPT_TIMEOUT: '500ms',
    LM_CONNECT_TIMEOUT: '300ms',
    VAULT_TIMEOUT: '1s',
    ISSUER_TIMEOUT: '1s',
    AUDIT_WRITE_TIMEOUT: '1s',
  },
});
const { simulator, broker } = stack;
const { hostname, port } = new URL(broker.url);

const path = '/admins/32/tokens';
const json = ['Content-Type', 'application/json'] as const;
const bearer = (jwt: string) => ['Authorization', `Bearer ${jwt}`] as const;
const documents = (count: number) => 'GET /openapi.json HTTP/1.1\r\nHost: b\r\n\r\n'.repeat(count);
const mint = wire({ path, headers: [bearer(stack.callerJwt), json], body: '{}' });

const withoutProc = process.platform === 'linux' ? false : 'there is no /proc';

/** What LogicMonitor was asked to make. */
const mints = () => simulator.requests().filter(({ method }) => method === 'POST');

/** A size of the broker’s in MB: `VmRSS` now, `VmHWM` the largest that it ever was. */
async function memoryMB(name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${broker.pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_000;
}

/** Whether the broker still holds its end of a connection: what `/proc/net/tcp` says of it is `01`, established. */
async function holds(socket: Socket): Promise<boolean> {
  const end = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = `${end(Number(port))} ${end(socket.localPort ?? 0)} 01 `;
  return (await readFile('/proc/net/tcp', 'utf8')).includes(line);
}

/** Sends all of this at once on a connection of its own, and reads nothing, ever. */
async function sendAndReadNothing(...parts: (string | Buffer)[]): Promise<Socket> {
  const socket = connect(Number(port), hostname)
    .pause()
    .on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  return socket;
}

async function inFlight(): Promise<number> {
  const metrics = await (await fetch(`${broker.privateUrl}/metrics`)).text();
  return Number(/^lmtb_in_flight_requests (\d+)$/m.exec(metrics)?.[1]);
}

type Kind = 'intent' | 'delivery' | 'end';

async function recorded<K extends Kind>(kind: K) {
  type Own = Extract<Awaited<ReturnType<typeof stack.records>>[number], { kind: K }>;
  return (await stack.records()).filter((record): record is Own => record.kind === kind);
}

/** Hung up on by the end of this file: a connection that is owed more documents than any buffer holds, and no token. */
const silent = await sendAndReadNothing(documents(400));
const silentSince = performance.now();
/** After so long a silence Node hangs up; twice as long when the last bytes went out in parts. */
const SILENCE_MS = REQUEST_MS + 5_000;

t.test(
  'a caller that asks for 1,600 documents and a token and reads nothing loses the token in time, and costs little memory',
  { skip: withoutProc },
  async (t) => {
    const before = await memoryMB('VmRSS');
    const sockets: Socket[] = [];
    for (let minted = 1; minted <= 6; minted++) {
      sockets.push(await sendAndReadNothing(documents(1_500), mint, documents(100)));
      await simulator.until(() => mints().filter(({ committed }) => committed).length === minted);
    }
    t.ok((await inFlight()) > 0);
    await until(async () => (await recorded('end')).length === 6, 'every token to be ended');
    t.match(await recorded('end'), Array(6).fill({ end: 'undelivered', how: 'deleted' }));
    t.match(await recorded('delivery'), Array(6).fill({ delivery: 'undelivered' }));
    for (const delivery of await recorded('delivery')) {
      const intent = (await recorded('intent')).find(({ requestId }) => requestId === delivery.requestId);
      const tookMs = Date.parse(delivery.time) - Date.parse(intent?.time ?? '');
      t.ok(tookMs < REQUEST_MS + 2_500, `given up after ${tookMs} ms`);
    }
    await until(async () => (await inFlight()) === 0, 'no request to be in flight');
    for (const socket of sockets) t.equal(await holds(socket), false, 'the connection is gone');
    const grown = (await memoryMB('VmHWM')) - before;
    // Uncached the documents alone are 450 MB.
    t.ok(grown < 120, `grown by ${Math.round(grown)} MB`);
  },
);

t.test(
  'a body whose last byte comes when it is too late to call LogicMonitor is 408, and nothing was sent',
  async (t) => {
    const before = mints().length;
    const connection = await Connection.open(t, broker.url);
    connection.write(mint.subarray(0, -1));
    await pause(REQUEST_MS - 600); // the caller’s own slowness
    connection.write(mint.subarray(-1));
    const requestId = isProblem(t, await connection.answer(), 'request-timeout');
    t.match(await recordsOf(stack, requestId), [
      { kind: 'intent' },
      { kind: 'outcome', outcome: 'not-sent', problem: 'request-timeout', reason: 'too-late-to-send' },
    ]);
    t.equal(mints().length, before);
  },
);

t.test('a media type of 15 kB of spaces holds nobody up', async (t) => {
  const odd = wire({
    path,
    headers: [bearer(stack.otherJwt), ['Content-Type', `application/json${' '.repeat(14_500)}x`]],
    body: '{}',
  });
  const begun = performance.now();
  const connection = await Connection.open(t, broker.url);
  connection.write(Buffer.concat(Array(20).fill(odd)));
  const health = ask(t, broker.url, { method: 'GET', path: '/healthz' });
  for (let i = 0; i < 20; i++) isProblem(t, await connection.answer(), 'unsupported-media-type');
  t.equal((await health).status, 200);
  const tookMs = performance.now() - begun;
  t.ok(tookMs < 1_000, `${Math.round(tookMs)} ms`);
});

t.test(
  'a body of 8 kB with a long name and many faults below it makes neither a large answer nor a large record',
  async (t) => {
    const inner = Array.from({ length: 21 }, () => '"a":1').join(',');
    const body = `{"${'~'.repeat(7_900)}":{${inner}}}`;
    const answer = await ask(t, broker.url, { path, headers: [bearer(stack.otherJwt), json], body });
    const requestId = isProblem(t, answer, 'invalid-request');
    t.ok(answer.text.length < 20_000, `an answer of ${answer.text.length} units`);
    t.equal(answer.body.errors.length, 20);
    for (const { pointer } of answer.body.errors) t.equal(pointer.length, 200);
    const records = await recordsOf(stack, requestId);
    t.match(records, [{ kind: 'request', problem: 'invalid-request' }]);
    const size = JSON.stringify(records).length;
    t.ok(size < 2_000, `a record of ${size} units`);
  },
);

t.test('a caller that reads nothing of its documents is hung up on', { skip: withoutProc }, async (t) => {
  while (await holds(silent)) {
    if (performance.now() - silentSince > 2 * SILENCE_MS + 2_000)
      throw new Error('the broker still waits for it');
    await pause(50);
  }
  t.ok(performance.now() - silentSince > SILENCE_MS - 500, 'and not too soon');
});
