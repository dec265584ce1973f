import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Deadline } from '../mint/clock.ts';
import { Problem } from '../mint/problems.ts';

/** How much of a body that is too large is read and thrown away, so that its caller hears the answer and not a reset. */
const DISCARD_AT_MOST = 1_048_576;
/** And for how long, ms. */
const DISCARD_FOR_MS = 500;

/** For each connection how to end the reading of the body that comes over it; gone with the connection. */
const readings = new WeakMap<Socket, (fault: Problem) => boolean>();

/**
 * Tells the request whose body is still to come over `socket` that it will not, so that this request answers, under its
 * own id and on its own record. False when there is none.
 */
export function breakBody(socket: Socket, fault: Problem): boolean {
  return readings.get(socket)?.(fault) ?? false;
}

/**
 * Reads a request's body, `limit` bytes at the most, within the deadline.
 * Throws `payload-too-large`, `request-timeout`, and `invalid-request` when the body breaks off.
 */
export function readBody(request: IncomingMessage, limit: number, deadline: Deadline): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > DISCARD_AT_MOST)
    return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let timer = setTimeout(
      () => settle(new Problem('request-timeout', 'The body did not arrive in time.')),
      deadline.remainingMs(),
    );
    const settle = (fault: Problem | undefined): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      readings.delete(request.socket);
      if (fault === undefined) resolve(Buffer.concat(chunks, length));
      else reject(fault);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else if (length > DISCARD_AT_MOST) settle(tooLarge(limit));
      else if (length - chunk.length <= limit) {
        clearTimeout(timer);
        timer = setTimeout(() => settle(tooLarge(limit)), DISCARD_FOR_MS);
      }
    };
    const onEnd = (): void => settle(length > limit ? tooLarge(limit) : undefined);
    const onClose = (): void =>
      settle(
        new Problem('invalid-request', 'The body broke off.', {
          errors: [{ pointer: '', detail: 'the body broke off' }],
        }),
      );
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
    readings.set(request.socket, (fault) => {
      if (!request.complete) settle(fault);
      return !request.complete;
    });
  });
}

function tooLarge(limit: number): Problem {
  return new Problem('payload-too-large', `The body is larger than ${limit} bytes.`);
}
