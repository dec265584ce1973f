import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { ecKey, identityOf } from './identity/issuer.ts';
import { order, pair, portalAt, within } from './logicmonitor/stand-in.ts';

const run = promisify(execFile);
const withoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';

/** An https server with a certificate of its own making: a key set for whoever asks. Its requests are counted. */
async function selfSigned(t: Test): Promise<{ url: string; pem: string; requests(): number }> {
  const folder = t.testdir();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key],
    ...['-out', cert, '-subj', '/CN=self-signed', '-days', '2', '-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  const pem = await readFile(cert, 'utf8');
  let requests = 0;
  const server = createServer({ key: await readFile(key), cert: pem }, (_request, response) => {
    requests += 1;
    response.end(JSON.stringify({ keys: [ecKey().jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // `as`: it listens on TCP
  return { url: `https://127.0.0.1:${port}`, pem, requests: () => requests };
}

t.test(
  'NODE_TLS_REJECT_UNAUTHORIZED=0 makes neither an issuer nor LogicMonitor out of a self-signed certificate',
  { skip: withoutOpenssl },
  async (t) => {
    const server = await selfSigned(t);
    t.teardown(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.equal((await fetch(server.url)).status, 200, 'Node itself would accept it');
    t.equal(server.requests(), 1);

    const entry = { jwks: `${server.url}/keys` };
    const { identity } = identityOf(t, server, entry);
    await identity.warm();
    t.match(identity.state(), [{ keys: 0, failure: 'DEPTH_ZERO_SELF_SIGNED_CERT' }]);
    const { portal } = portalAt(t, server.url);
    t.match(await portal.send(portal.sign(order, pair), within(5_000)), {
      kind: 'unreachable',
      reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    t.equal(server.requests(), 1, 'neither sent it anything');

    const trusting = identityOf(t, server, { ...entry, ca: server.pem });
    await trusting.identity.warm();
    t.match(trusting.identity.state(), [{ keys: 1, failure: null }], 'an issuer’s own CA is taken');
  },
);
