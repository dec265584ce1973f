import { Refusal } from './envelope.ts';
import { page } from './list.ts';
import { type Call, changeToken, createToken, deleteToken, listTokens } from './tokens.ts';

/** What an operation did: LM's answer, and whether it changed a token. */
interface Outcome {
  body: unknown;
  committed: boolean;
  tokenId: number | null;
}

/** An endpoint that rate limits count, and the operation behind a method, if the endpoint has it. */
export interface Route {
  endpoint: string;
  run: (call: Call) => Outcome;
}

const ADMIN_TOKENS = /^\/setting\/admins\/(\d{1,10})\/apitokens$/;
const ONE_TOKEN = /^\/setting\/admins\/(\d{1,10})\/apitokens\/(\d{1,10})$/;
const ADMIN_FIELDS: ReadonlySet<string> = new Set(['id', 'username', 'email', 'status', 'roles']);

/**
 * The route of a percent-decoded resource path. [A] Paths are matched exactly: no trailing slash, lower case.
 * What is no endpoint answers 404/1404; a method that an endpoint lacks 405/1405 [A], so also the GET of one
 * token, which LM's Swagger does not have.
 */
export function routeOf(method: string, path: string): Route {
  if (path === '/setting/admins') {
    return { endpoint: path, run: only(method, { GET: (call) => read(listAdmins(call)) }) };
  }
  if (path === '/setting/admins/apitokens') {
    return { endpoint: path, run: only(method, { GET: (call) => read(listTokens(call)) }) };
  }
  const owner = ADMIN_TOKENS.exec(path)?.[1];
  if (owner !== undefined) {
    const adminId = Number(owner);
    return {
      endpoint: '/setting/admins/{adminId}/apitokens',
      run: only(method, {
        GET: (call) => read(listTokens(call, adminId)),
        POST: (call) => {
          const { token, shown } = createToken(call, adminId);
          return { body: shown, committed: true, tokenId: token.id };
        },
      }),
    };
  }
  const [, of, token] = ONE_TOKEN.exec(path) ?? [];
  if (of !== undefined && token !== undefined) {
    const [adminId, id] = [Number(of), Number(token)];
    const changed = (body: unknown): Outcome => ({ body, committed: true, tokenId: id });
    return {
      endpoint: '/setting/admins/{adminId}/apitokens/{apitokenId}',
      run: only(method, {
        PATCH: (call) => changed(changeToken(call, adminId, id, false)),
        PUT: (call) => changed(changeToken(call, adminId, id, true)),
        DELETE: (call) => changed(deleteToken(call, adminId, id)),
      }),
    };
  }
  return { endpoint: 'none', run: refuse(new Refusal(404, 'Not found')) };
}

function only(method: string, operations: Record<string, Route['run']>): Route['run'] {
  return operations[method] ?? refuse(new Refusal(405, 'Method not allowed'));
}

function refuse(refusal: Refusal): Route['run'] {
  return () => {
    throw refusal;
  };
}

function read(body: unknown): Outcome {
  return { body, committed: false, tokenId: null };
}

/** GET /setting/admins: the account's users, with what LM's SDK insists on. */
function listAdmins({ portal, signer, query, listFaults }: Call) {
  if (signer.manages === 'none') throw new Refusal(403, 'Permission denied');
  const seen = [...portal.admins.values()].filter(({ id }) => signer.manages === 'all' || id === signer.id);
  const items = seen.map(({ id, username, status, roles }) => ({
    id,
    username,
    email: `${username}@example.com`,
    status,
    roles: roles.map((name) => ({ name, privileges: [] })),
  }));
  return page(items, query, ADMIN_FIELDS, listFaults);
}
