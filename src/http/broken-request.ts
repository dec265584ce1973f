import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type RandomBytes, requestIdFrom } from '../mint/ids.ts';
import { Problem } from '../mint/problems.ts';
import type { CountRefusal } from '../mint/trail.ts';
import { breakBody } from './body.ts';
import { problemBody, problemHeaders } from './problem-reply.ts';

/**
 * Answers what Node's parser refuses before there is a request: headers too large, too slow, not HTTP at all. What
 * breaks in the middle of a body is left to the request that it belongs to. Each other fault is counted in the audit
 * log's `refusals`, and its socket is closed.
 */
export function answerBrokenRequest(countRefusal: CountRefusal, randomBytes: RandomBytes) {
  return (fault: Error & { readonly code?: string }, socket: Socket): void => {
    if (fault.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const problem = parserProblem(fault.code);
    if (breakBody(socket, problem)) return;
    const requestId = requestIdFrom([], randomBytes);
    countRefusal(problem.problem, {
      address: socket.remoteAddress ?? '',
      requestId,
      detail: fault.code ?? 'broken',
    });
    const body = JSON.stringify(problemBody(problem, requestId));
    const headers = {
      ...problemHeaders(problem),
      'x-request-id': requestId,
      'content-length': String(Buffer.byteLength(body)),
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${lines.join('')}\r\n${body}`);
  };
}

function parserProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers-too-large', 'The headers are too large.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem('request-timeout', 'The request did not arrive in time.');
  return new Problem('invalid-request', 'This is not a request that HTTP allows.', {
    errors: [{ pointer: '', detail: 'the request could not be parsed as HTTP' }],
  });
}
