import type { DeleteAnswer } from '../mint/ports.ts';
import { brokenOff, type Exchange } from './client.ts';
import { failureWithin, isLmError, readAnswer } from './json.ts';

/**
 * What an exchange says about a DELETE. Only LM's own JSON counts as `deleted` or `gone`: what is not sure has failed,
 * and a further DELETE finds the token `gone`.
 */
export function deletedBy(exchange: Exchange, skewMs: number | undefined): DeleteAnswer {
  if (exchange.kind !== 'whole') return { kind: 'failed', ...brokenOff(exchange) };
  const { status } = exchange.head;
  const failed = (reason: string): DeleteAnswer => ({ kind: 'failed', status, reason });
  if (status !== 200 && status !== 401 && status !== 404) return failed(`http-${status}`);
  const read = readAnswer(exchange.head, exchange.body);
  if (!read.ok) return failed(read.reason);
  if (status === 200) {
    const failure = failureWithin(read.object);
    return failure === undefined ? { kind: 'deleted' } : failed(failure);
  }
  if (!isLmError(read.object)) return failed('not-lm-error');
  return status === 404 ? { kind: 'gone' } : { kind: 'key-rejected', skewMs };
}
