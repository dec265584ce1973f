import { parseBody } from './body.ts';
import { Refusal } from './envelope.ts';
import type { Fields } from './filter.ts';
import { newAccessId, newBearer, newKey, type Randomness } from './keys.ts';
import { type ListFaults, type Page, page } from './list.ts';
import type { Admin, Portal, Token, TokenType } from './portal.ts';
import type { Settings } from './settings.ts';

/** What an operation works with. */
export interface Call {
  portal: Portal;
  settings: Settings;
  random: Randomness;
  /** The user whose token signed the request. */
  signer: Admin;
  query: URLSearchParams;
  body: Uint8Array;
  /** LM's clock, ms. */
  now: number;
  listFaults: ListFaults;
}

/** The names that a filter and a sort may use. */
const TOKEN_FIELDS: ReadonlySet<string> = new Set([
  'id',
  'adminId',
  'adminName',
  'accessId',
  'note',
  'status',
  'createdBy',
  'createdOn',
  'lastUsedOn',
  'lastAuthIp',
  'roles',
  'type',
  'userPermission',
]);

/**
 * POST /setting/admins/{adminId}/apitokens: a new token; the only answer that shows its access key.
 * [A] A bearer's secret is in `accessKey` too; there is no limit to a user's tokens or a note's length.
 */
export function createToken(call: Call, adminId: number): { token: Token; shown: Fields } {
  const admin = ownerOf(call, adminId);
  const type = typeOf(call.query, 'create');
  const { note = '', status = 2 } = parseBody(call.body);
  const bearer = type === 'bearer';
  const token = call.portal.add({
    adminId,
    type,
    accessId: bearer && call.settings.bearerAccessId === 'null' ? null : newAccessId(call.random),
    accessKey: bearer ? newBearer(call.random) : newKey(call.random),
    note,
    status,
    createdBy: call.signer.username,
    createdAt: call.now,
    lastUsedOn: 0,
    lastAuthIp: '',
  });
  return { token, shown: { ...fieldsOf(token, admin, call.settings), accessKey: token.accessKey } };
}

/**
 * GET /setting/admins/apitokens and /setting/admins/{adminId}/apitokens. LMv1 tokens, or with `type=bearer`
 * only bearers: LM never mixes them. [A] A user who manages its own tokens only sees only these in the list
 * of all.
 */
export function listTokens(call: Call, adminId?: number): Page {
  if (adminId !== undefined) ownerOf(call, adminId);
  else if (call.signer.manages === 'none') throw permissionDenied();
  const type = typeOf(call.query, 'list');
  const owner = adminId ?? (call.signer.manages === 'own' ? call.signer.id : undefined);
  return page(visible(call, type, owner), call.query, TOKEN_FIELDS, call.listFaults);
}

/** PATCH (partial) and PUT (replaces: without a status it enables, without a note it empties the note [A]). */
export function changeToken(call: Call, adminId: number, id: number, replace: boolean): Fields {
  const admin = ownerOf(call, adminId);
  const token = tokenOf(call, adminId, id);
  const { note, status } = parseBody(call.body);
  token.note = note ?? (replace ? '' : token.note);
  token.status = status ?? (replace ? 2 : token.status);
  return fieldsOf(token, admin, call.settings);
}

/** DELETE: the token is gone. [A] Answers an empty object, and 404 when there is no such token any more. */
export function deleteToken(call: Call, adminId: number, id: number): Record<string, never> {
  ownerOf(call, adminId);
  call.portal.remove(tokenOf(call, adminId, id));
  return {};
}

/** Everything of a token but its secret, as LM shows it in lists. */
export function fieldsOf(token: Token, admin: Admin | undefined, settings: Settings): Fields {
  const fields: Fields = {
    id: token.id,
    adminId: token.adminId,
    adminName: admin?.username ?? '',
    accessId: token.accessId,
    note: token.note,
    status: token.status,
    createdBy: token.createdBy,
    createdOn: Math.floor(token.createdAt / 1000),
    lastUsedOn: token.lastUsedOn,
    lastAuthIp: token.lastAuthIp,
    roles: admin?.roles ?? [],
    // [A] Clients treat a null type as LMv1; the value for bearers is "bearer".
    type: token.type === 'bearer' ? 'bearer' : null,
    userPermission: 'write',
  };
  if (token.type === 'bearer') fields['accessKey'] = `${token.accessKey.slice(0, 8)}${'*'.repeat(32)}`;
  else if (settings.accessKeyInReads === 'masked') fields['accessKey'] = '*'.repeat(40);
  else if (settings.accessKeyInReads === 'null') fields['accessKey'] = null;
  return fields;
}

function* visible(call: Call, type: TokenType, owner: number | undefined): Generator<Fields> {
  const newest = call.now - call.listFaults.lagMs;
  for (const token of call.portal.tokens(owner)) {
    if (token.type !== type || token.createdAt > newest) continue;
    yield fieldsOf(token, call.portal.admins.get(token.adminId), call.settings);
  }
}

function ownerOf({ portal, signer }: Call, adminId: number): Admin {
  // [A] Permission is judged before the user is looked up.
  if (signer.manages === 'none' || (signer.manages === 'own' && signer.id !== adminId)) {
    throw permissionDenied();
  }
  const admin = portal.admins.get(adminId);
  // [A] LM documents 404 in general, not for this call, nor the wording.
  if (admin === undefined) throw new Refusal(404, `admin<${adminId}> is not found`);
  return admin;
}

function permissionDenied(): Refusal {
  return new Refusal(403, 'Permission denied');
}

function tokenOf({ portal }: Call, adminId: number, id: number): Token {
  const token = portal.token(adminId, id);
  if (token === undefined) throw new Refusal(404, `apiToken<${id}> is not found`);
  return token;
}

/** [A] LM's default "API Token" may be said aloud, in any case; other values are 400. */
function typeOf(query: URLSearchParams, use: 'create' | 'list'): TokenType {
  const type = query.get('type');
  if (type === null || type.toLowerCase() === 'api token') return 'lmv1';
  if (type === 'bearer') return 'bearer';
  throw new Refusal(400, `Invalid token type to ${use}: ${type}`);
}
