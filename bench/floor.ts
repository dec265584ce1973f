import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';

/**
 * The floor: a bare Node server that forwards each POST to the upstream that its first argument names, and the answer
 * back, with nothing in between. Prints where it listens.
 */
const upstream = new URL(process.argv[2] ?? '');
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

const server = createServer((incoming, outgoing) => {
  const forwarded = request(new URL(incoming.url ?? '/', upstream), {
    method: incoming.method,
    headers: incoming.headers,
    agent,
  });
  forwarded.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  forwarded.on('error', () => outgoing.writeHead(502).end());
  incoming.pipe(forwarded);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
console.log(
  JSON.stringify({ url: typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '' }),
);
process.on('SIGTERM', () => process.exit(0));
