import { Server, type ServerOptions } from 'node:https';
import type { FastifyInstance } from 'fastify';
import type { RandomBytes } from '../mint/ids.ts';
import type { CountRefusal } from '../mint/trail.ts';
import type { Tls } from './tls.ts';
import { watchHandshakes } from './tls-handshakes.ts';

/**
 * How the server speaks TLS. A client that has a certificate is asked for it, and none is refused in the handshake:
 * callers with a JWT need none, and a bad one gets a 401 that says so.
 */
export function tlsOptions(tls: Tls, handshakeTimeoutMs: number): ServerOptions {
  return {
    ...tls.secureContext,
    requestCert: tls.asksClients,
    rejectUnauthorized: false,
    handshakeTimeout: handshakeTimeoutMs,
    noDelay: true,
  };
}

/** Has the server take each new certificate for the connections that begin from then on, and watches handshakes. */
export function serveTls(
  app: FastifyInstance,
  tls: Tls,
  parts: { readonly countRefusal: CountRefusal; readonly randomBytes: RandomBytes },
): void {
  const { server }: { server: unknown } = app; // Fastify types it as one that speaks plain HTTP
  if (!(server instanceof Server)) throw new Error('the server does not speak TLS');
  tls.onReplaced((context) => server.setSecureContext(context));
  const endHandshakes = watchHandshakes(server, parts.countRefusal, parts.randomBytes);
  app.addHook('preClose', async () => {
    tls.close();
    endHandshakes();
  });
}
