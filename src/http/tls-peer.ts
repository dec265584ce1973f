import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../mint/ports.ts';

const known = new WeakMap<Socket, PeerCertificate | null>();

/**
 * The certificates that a client sent when its connection began, found out once for each; null when it sent none. A
 * resumed session has the client's own certificate only.
 */
export function peerCertificate(socket: Socket): PeerCertificate | null {
  if (!(socket instanceof TLSSocket)) return null;
  const before = known.get(socket);
  if (before !== undefined) return before;
  const chain: Uint8Array[] = [];
  for (let next = socket.getPeerX509Certificate(); next !== undefined; next = next.issuerCertificate)
    chain.push(next.raw);
  const certificate = chain.length === 0 ? null : { chain };
  known.set(socket, certificate);
  return certificate;
}
