import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { type RandomBytes, requestIdFrom } from '../mint/ids.ts';
import type { CountRefusal } from '../mint/trail.ts';

interface Handshake {
  readonly socket: Socket;
  readonly address: string;
  /** OpenSSL's or Node's code, once it has failed. */
  fault: string | undefined;
}

/**
 * Ends connections whose TLS handshake fails and counts them as refusals, with the cause `tls`; no line of the log is
 * written. One that hung up without a byte, as a probe of the port does, is not counted. Gives the way to end all that
 * are under way, for which the server's `close()` would wait.
 */
export function watchHandshakes(
  server: Server,
  countRefusal: CountRefusal,
  randomBytes: RandomBytes,
): () => void {
  const underWay = new Map<string, Handshake>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket); // asked for now, since nobody knows it once the connection is gone
    const handshake: Handshake = { socket, address: socket.remoteAddress ?? '', fault: undefined };
    underWay.set(peer, handshake);
    socket.once('close', () => {
      if (underWay.get(peer) !== handshake) return;
      underWay.delete(peer);
      if (handshake.fault === undefined && socket.bytesRead === 0) return;
      const detail = handshake.fault ?? 'hung up';
      countRefusal('tls', { address: handshake.address, requestId: requestIdFrom([], randomBytes), detail });
    });
  });
  server.on('secureConnection', (socket) => underWay.delete(peerOf(socket)));
  // Node's own listener would make a broken HTTP request of it.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (fault: Error & { readonly code?: string }, socket) => {
    const handshake = underWay.get(peerOf(socket));
    if (handshake !== undefined) handshake.fault = fault.code ?? 'broken';
    socket.destroy();
  });
  return () => {
    for (const { socket } of underWay.values()) socket.destroy();
  };
}

/** A server's connections differ in it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
