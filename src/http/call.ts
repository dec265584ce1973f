import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { plainAddress } from '../mint/address.ts';
import type { Deadline } from '../mint/clock.ts';
import type { RequestId } from '../mint/ids.ts';
import type { MintAnswer, MintCall } from '../mint/ports.ts';
import { readBody } from './body.ts';
import { peerCertificate } from './tls-peer.ts';

/** How long a caller has at least to take its answer, ms. */
const TAKE_AT_LEAST_MS = 1_000;
/** How much of a caller's `User-Agent` is kept. */
const MAX_USER_AGENT = 200;

/**
 * What a request brings, as the pipeline takes it: nothing of it parsed or trusted yet. Its body is taken off the
 * connection from the start, bounded, since Node throws away what was not read when a caller closes its sending half;
 * nobody looks at it before the caller is known.
 */
export function mintCall(
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
  limits: { readonly bodyBytes: number; readonly deadline: Deadline; readonly receive: Deadline },
): MintCall {
  const { headers, rawHeaders } = request.raw;
  const body = readBody(request.raw, limits.bodyBytes, limits.receive);
  body.catch(() => undefined); // told to whoever asks for it, if anybody does
  return {
    requestId: request.id as RequestId, // brand: made by requestIdFrom, which the server uses for every request
    traceId: traceIdOf(headers['traceparent']),
    source: {
      address: sourceAddress(request),
      userAgent: headers['user-agent']?.slice(0, MAX_USER_AGENT) ?? null,
    },
    deadline: limits.deadline,
    authorization: everyHeader(rawHeaders, 'authorization'),
    certificate: peerCertificate(request.raw.socket),
    idempotencyKeys: everyHeader(rawHeaders, 'idempotency-key'),
    contentType: headers['content-type'] ?? '',
    contentEncoding: headers['content-encoding'] ?? '',
    adminId: request.params.id,
    query: /\?(.*)$/s.exec(request.raw.url ?? '')?.[1] ?? '',
    readBody: () => body,
    report: (answer) => void reply.code(200).send(answer),
    deliver: (answer) => deliver(reply, answer, limits.deadline),
  };
}

/** Every value of a header, in order: Node's `headers` joins or drops repeated ones. `name` in lower case. */
export function everyHeader(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
}

/** The trace id of a well-formed `traceparent` (W3C Trace Context, version 00), else null. */
function traceIdOf(traceparent: string | string[] | undefined): string | null {
  const [, traceId] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(String(traceparent)) ?? [];
  return traceId === undefined || /^0+$/.test(traceId) ? null : traceId;
}

/** The caller's address: the peer's, or the one that a trusted proxy names, if that is an address at all. */
export function sourceAddress(request: FastifyRequest): string {
  return plainAddress(isIP(request.ip) === 0 ? (request.socket.remoteAddress ?? '') : request.ip);
}

/**
 * Sends the 201. The answer counts as delivered when Node has handed its last byte to the kernel; when the caller
 * hung up before, even by closing only its sending half, Node gives the answer up. The connection is watched, not the
 * response alone: one that waits behind another on the same connection is told nothing when that breaks. A caller that
 * does not take its answer in time is hung up on, since nobody can know whether it ever will.
 */
async function deliver(
  reply: FastifyReply,
  answer: MintAnswer,
  deadline: Deadline,
): Promise<'delivered' | 'undelivered'> {
  const response = reply.raw;
  const { socket } = reply.request.raw;
  if (response.destroyed || !socket.writable) {
    reply.hijack();
    return 'undelivered';
  }
  const handedOver = new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => socket.destroy(), Math.max(deadline.remainingMs(), TAKE_AT_LEAST_MS));
    const settle = (taken: boolean): void => {
      clearTimeout(timer);
      socket.off('close', onClose);
      resolve(taken);
    };
    const onClose = (): void => settle(false);
    socket.once('close', onClose);
    response.once('finish', () => settle(response.statusCode === 201));
  });
  reply.code(201).send({ ...answer, accessKey: answer.accessKey.reveal() });
  return (await handedOver) ? 'delivered' : 'undelivered';
}
