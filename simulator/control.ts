import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { prettifyError, ZodError } from 'zod';
import type { Account } from './account.ts';
import { faultSchema } from './faults.ts';

export const CONTROL = '/_control/';

/**
 * The unsigned control endpoint for tests and people: `simulator/README.md` tells each call. Answers JSON;
 * 400 with `{error}` for what does not fit, 404 for what is not there.
 */
export async function serveControl(account: Account, incoming: IncomingMessage, response: ServerResponse) {
  const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://simulator');
  const [part = '', item] = pathname.slice(CONTROL.length).split('/').map(decodeURIComponent);
  const answer = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  try {
    const body: unknown = incoming.method === 'POST' && part !== 'reset' ? await json(incoming) : undefined;
    switch (`${incoming.method} ${part}`) {
      case 'GET state':
        return answer(200, account.state());
      case 'GET requests':
        return answer(200, account.journal.list(Number(searchParams.get('after') ?? 0)));
      case 'GET faults':
        return answer(200, account.faults.list());
      case 'POST faults':
        return answer(201, { id: account.faults.add(faultSchema.parse(body)) });
      case 'DELETE faults':
        account.faults.clear(item === undefined ? undefined : Number(item));
        return answer(200, account.faults.list());
      case 'POST settings':
        return answer(200, account.set(body));
      case 'POST admins':
        return answer(200, account.setAdmin(body));
      case 'POST keys': {
        const { id, adminId, accessId, accessKey } = account.addKey(body);
        return answer(201, { id, adminId, accessId, accessKey });
      }
      case 'DELETE keys':
        return account.removeKey(item ?? '') ? answer(200, {}) : answer(404, { error: 'no such access id' });
      case 'DELETE locks':
        account.portal.locks.clear();
        return answer(200, {});
      case 'POST reset':
        account.reset();
        return answer(200, {});
      default:
        return answer(404, { error: `no control call ${incoming.method} ${pathname}` });
    }
  } catch (error) {
    if (error instanceof ZodError) return answer(400, { error: prettifyError(error) });
    if (error instanceof SyntaxError || error instanceof RangeError)
      return answer(400, { error: error.message });
    throw error;
  }
}
