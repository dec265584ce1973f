import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { httpServer, MINTED_KEY, order, pair, portalAt, tcpServer, within } from './stand-in.ts';

const TOKEN = JSON.stringify({ id: 1, adminId: 32, accessId: 'a', accessKey: MINTED_KEY });
const OK = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${TOKEN.length}\r\n\r\n${TOKEN}`;

/** Calls `then` for each whole request that came in on a socket; the bodies of these tests come with their heads. */
function eachRequest(socket: Socket, then: (text: string) => void): void {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString();
    if (text.includes('\r\n\r\n') && text.endsWith('}')) {
      const request = text;
      text = '';
      then(request);
    }
  });
}

t.test('one call is what LM’s page asks for, to the byte', async (t) => {
  const came: string[] = [];
  const url = await tcpServer(t, (socket) =>
    eachRequest(socket, (text) => {
      came.push(text);
      socket.write(OK);
    }),
  );
  const { portal } = portalAt(t, url, { baseUrl: `${url}/santaba/rest/`, version: '1.2.3' });
  const call = portal.sign({ ...order, type: 'bearer', note: 'ü' }, pair);
  t.match(await portal.send(call, within(5_000)), { kind: 'created' });
  const [head = '', body] = (came[0] ?? '').split('\r\n\r\n');
  const [line, ...fields] = head.split('\r\n');
  t.equal(line, 'POST /santaba/rest/setting/admins/32/apitokens?type=bearer HTTP/1.1');
  t.equal(body, '{"note":"ü","status":2}');
  t.strictSame(fields.map((field) => field.toLowerCase()).sort(), [
    'accept-encoding: identity',
    'accept: application/json',
    `authorization: ${call.authorization.reveal()}`.toLowerCase(),
    'connection: keep-alive',
    'content-length: 24',
    'content-type: application/json',
    `host: ${new URL(url).host}`,
    'user-agent: lm-token-broker/1.2.3',
    'x-version: 3',
  ]);
});

t.test('a portal that is not there is unreachable', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  server.close();
  const { portal } = portalAt(t, `http://127.0.0.1:${port}`);
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), {
    kind: 'unreachable',
    reason: 'ECONNREFUSED',
  });
  const { portal: nameless } = portalAt(t, 'http://portal.invalid');
  t.match(await nameless.send(nameless.sign(order, pair), within(5_000)), {
    kind: 'unreachable',
    reason: /^(ENOTFOUND|EAI_AGAIN)$/,
  });
});

t.test('a failed TLS handshake is unreachable', async (t) => {
  const url = await tcpServer(t, (socket) => socket.end('no TLS here\r\n'));
  const { portal } = portalAt(t, url.replace('http:', 'https:'));
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), { kind: 'unreachable' });
  const resetting = await tcpServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const { portal: reset } = portalAt(t, resetting.replace('http:', 'https:'));
  t.match(await reset.send(reset.sign(order, pair), within(5_000)), { kind: 'unreachable', reason: 'reset' });
});

t.test('a deadline that passes while connecting leaves the portal unreachable, on time', async (t) => {
  const url = await tcpServer(t, () => {});
  const { portal } = portalAt(t, url.replace('http:', 'https:'), { connectTimeoutMs: 10_000 });
  const start = performance.now();
  const answer = await portal.send(portal.sign(order, pair), within(600));
  t.match(answer, { kind: 'unreachable', reason: 'timeout' });
  t.ok(Math.abs(performance.now() - start - 600) < 300, `after ${performance.now() - start} ms`);
  t.ok(Math.abs(answer.durationMs - 600) < 300);
  t.match(await portal.send(portal.sign(order, pair), within(0)), { kind: 'unreachable', reason: 'timeout' });
});

t.test('a connection that takes too long is unreachable', async (t) => {
  const url = await tcpServer(t, () => {});
  const { portal } = portalAt(t, url.replace('http:', 'https:'), { connectTimeoutMs: 500 });
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), {
    kind: 'unreachable',
    reason: 'UND_ERR_CONNECT_TIMEOUT',
  });
});

t.test('a deadline that passes while LM is silent is ambiguous, on time', async (t) => {
  let requests = 0;
  const url = await tcpServer(t, (socket) => eachRequest(socket, () => (requests += 1)));
  const { portal } = portalAt(t, url, { attemptTimeoutMs: 600 });
  const start = performance.now();
  const answer = await portal.send(portal.sign(order, pair), within(20_000));
  t.match(answer, { kind: 'ambiguous', status: null, reason: 'timeout' });
  t.ok(Math.abs(performance.now() - start - 600) < 300, `after ${performance.now() - start} ms`);
  t.equal(requests, 1);
});

t.test('a deadline that passes in the middle of a body is ambiguous, with its status', async (t) => {
  const url = await tcpServer(t, (socket) => eachRequest(socket, () => socket.write(OK.slice(0, -5))));
  const { portal } = portalAt(t, url);
  t.match(await portal.send(portal.sign(order, pair), within(400)), {
    kind: 'ambiguous',
    status: 200,
    reason: 'timeout',
  });
});

t.test('a call that waits for a connection until its deadline was not sent', async (t) => {
  const came: string[] = [];
  const url = await tcpServer(t, (socket) => eachRequest(socket, (text) => came.push(text)));
  const { portal } = portalAt(t, url, { connections: 1 });
  const [first, second] = await Promise.all([
    portal.send(portal.sign(order, pair), within(800)),
    portal.send(portal.sign({ ...order, note: 'second' }, pair), within(400)),
  ]);
  t.match(first, { kind: 'ambiguous', reason: 'timeout' });
  t.match(second, { kind: 'unreachable', reason: 'timeout' });
  t.equal(came.length, 1);
  t.notMatch(came[0], 'second');
});

t.test('a connection that breaks after the request is ambiguous', async (t) => {
  const cases: [string, (socket: Socket) => void, number | null, string][] = [
    ['reset', (socket) => socket.resetAndDestroy(), null, 'reset'],
    ['closed', (socket) => socket.end(), null, 'reset'],
    ['closed in the head', (socket) => socket.end(OK.slice(0, 30)), null, 'reset'],
    ['closed in the body', (socket) => socket.end(OK.slice(0, -5)), 200, 'reset'],
    ['not HTTP', (socket) => socket.end('SSH-2.0-OpenSSH\r\n'), null, 'not-http'],
    [
      'an endless head',
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(99_999)}`),
      null,
      'too-large',
    ],
    [
      'an upgrade',
      (socket) => socket.write('HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
      null,
      'reset',
    ],
  ];
  for (const [name, end, status, reason] of cases) {
    await t.test(name, async (t) => {
      let requests = 0;
      const url = await tcpServer(t, (socket) =>
        eachRequest(socket, () => {
          requests += 1;
          end(socket);
        }),
      );
      const { portal } = portalAt(t, url);
      t.match(await portal.send(portal.sign(order, pair), within(3_000)), {
        kind: 'ambiguous',
        status,
        reason,
      });
      t.equal(requests, 1, 'and is not sent again');
    });
  }
});

t.test(
  'a kept-alive connection that is reset under a request is ambiguous, and the request is not sent again',
  async (t) => {
    for (const how of ['reset', 'end'] as const) {
      let connections = 0;
      let requests = 0;
      const url = await tcpServer(t, (socket) => {
        connections += 1;
        eachRequest(socket, () => {
          requests += 1;
          if (requests === 1) socket.write(OK);
          else if (how === 'reset') socket.resetAndDestroy();
          else socket.end();
        });
      });
      const { portal } = portalAt(t, url, { connections: 1 });
      t.match(await portal.send(portal.sign(order, pair), within(3_000)), { kind: 'created' });
      t.match(await portal.send(portal.sign(order, pair), within(3_000)), {
        kind: 'ambiguous',
        reason: 'reset',
      });
      t.strictSame({ connections, requests }, { connections: 1, requests: 2 });
    }
  },
);

t.test('a kept-alive connection that LM has closed meanwhile is not used', async (t) => {
  let connections = 0;
  const closed = Promise.withResolvers<void>();
  const url = await tcpServer(t, (socket) => {
    connections += 1;
    socket.on('close', closed.resolve);
    eachRequest(socket, () => socket.write(OK, () => socket.end()));
  });
  const { portal } = portalAt(t, url);
  t.match(await portal.send(portal.sign(order, pair), within(3_000)), { kind: 'created' });
  await closed.promise;
  t.match(await portal.send(portal.sign(order, pair), within(3_000)), { kind: 'created' });
  t.equal(connections, 2);
});

t.test('bytes that nobody asked for are no answer to the next call', async (t) => {
  const stale = OK.replace('"id":1', '"id":9');
  let requests = 0;
  const url = await tcpServer(t, (socket) =>
    eachRequest(socket, () => {
      requests += 1;
      socket.write(requests === 1 ? `${OK}${stale}` : OK);
    }),
  );
  const { portal } = portalAt(t, url, { connections: 1 });
  await portal.send(portal.sign(order, pair), within(3_000));
  t.match(await portal.send(portal.sign(order, pair), within(3_000)), { kind: 'created', token: { id: 1 } });
});

t.test('an answer beyond the cap is ambiguous, and is not read to its end', async (t) => {
  let written = 0;
  const url = await httpServer(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => {
      while (written < 10_000_000 && !request.socket.destroyed) {
        written += 65_536;
        if (!response.write(Buffer.alloc(65_536, 'x'))) return;
      }
      response.end();
    };
    response.on('drain', more);
    more();
  });
  const { portal } = portalAt(t, url);
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), {
    kind: 'ambiguous',
    status: 200,
    reason: 'too-large',
  });
  t.ok(written < 10_000_000, `${written} bytes were written`);
});

t.test('a gzip bomb is not unpacked', async (t) => {
  const bomb = gzipSync(Buffer.alloc(20_000_000, 'x'));
  const url = await httpServer(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
  });
  const { portal } = portalAt(t, url);
  const before = process.memoryUsage().rss;
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), {
    kind: 'ambiguous',
    status: 200,
    reason: 'encoded',
  });
  t.ok(process.memoryUsage().rss - before < 15_000_000);
});

t.test('after a break-off nothing is sent, however often it is asked for', async (t) => {
  const url = await tcpServer(t, (socket) => eachRequest(socket, () => socket.write(OK)));
  const { portal } = portalAt(t, url);
  t.match(await portal.send(portal.sign(order, pair), within(5_000)), { kind: 'created' });
  await Promise.all([portal.breakOff(), portal.breakOff()]);
  t.match(await portal.send(portal.sign(order, pair), within(500)), { kind: 'unreachable' });
  const refused = await portal.turn(within(500)).catch((thrown: unknown) => thrown);
  t.match(refused, { problem: 'draining' });
});

t.test('an address that is no URL is refused when the portal is made', async (t) => {
  t.throws(() => portalAt(t, 'acme.logicmonitor.com'), TypeError);
});
