import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import type { CreateAnswer } from '../../src/mint/ports.ts';
import { httpServer, MINTED_KEY, order, pair, portalAt, within } from './stand-in.ts';

const lmError = (errorCode: number) => ({
  errorMessage: 'com.fasterxml.jackson.Secret',
  errorCode,
  errorDetail: null,
});
const token = {
  id: 248,
  adminId: 32,
  accessId: 'accessIdOfTheNewToken',
  accessKey: MINTED_KEY,
  createdOn: 1_700_000_000,
  status: 2,
  roles: ['automation'],
};

/** Sends one create call to a server that answers so, and gives what it came to. */
async function answered(
  t: Test,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
  ordered = order,
): Promise<CreateAnswer> {
  const url = await httpServer(t, (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  const { portal, told } = portalAt(t, url);
  const answer = await portal.send(portal.sign(ordered, pair), within(5_000));
  const seen = `${JSON.stringify(answer)}${inspect(answer, { depth: 9 })}${JSON.stringify(told)}`;
  t.notMatch(seen, MINTED_KEY, 'the key is not rendered');
  t.notMatch(seen, 'jackson', 'nor a text of the other side’s');
  t.ok(answer.durationMs >= 0);
  return answer;
}

t.test('a 200 with a whole token is created', async (t) => {
  const answer = await answered(t, 200, token);
  t.match(answer, {
    kind: 'created',
    status: 200,
    token: { id: 248, accessId: token.accessId, createdOn: 1_700_000_000, status: 2, roles: ['automation'] },
  });
  t.equal(answer.kind === 'created' && answer.token.accessKey.reveal(), MINTED_KEY);
});

t.test('fields that a token can do without may be odd or missing', async (t) => {
  const { id, accessId, accessKey } = token;
  const odd = { id, accessId, accessKey, type: 7, status: 'on', roles: [{ name: 'x' }, 'r'], createdOn: -1 };
  const answer = await answered(t, 200, { ...odd, errorCode: null }, {}, { ...order, status: 1 });
  t.match(answer, { kind: 'created', token: { status: 1, roles: ['r'] } });
  const createdOn = answer.kind === 'created' ? answer.token.createdOn : 0;
  t.ok(Math.abs(createdOn - Date.now() / 1000) < 5, 'LM’s clock stands in for a createdOn that is none');
  t.match(await answered(t, 200, { ...odd, roles: 'none' }), { token: { status: 2, roles: [] } });
});

t.test('only a bearer token may lack an access id', async (t) => {
  const bearer = { ...order, type: 'bearer' } as const;
  const without = { ...token, accessId: null };
  t.match(await answered(t, 200, without, {}, bearer), { kind: 'created', token: { accessId: null } });
  t.match(await answered(t, 200, { ...token, accessId: '' }, {}, bearer), { token: { accessId: null } });
  t.match(await answered(t, 200, { ...token, accessId: 5 }), { kind: 'ambiguous', reason: 'not-a-token' });
  t.match(await answered(t, 200, without), { kind: 'ambiguous', status: 200, reason: 'not-a-token' });
});

t.test('an answer that does not prove what happened is ambiguous', async (t) => {
  const { accessKey: _, ...keyless } = token;
  const html = { 'content-type': 'text/html' };
  const cases: [string, number, unknown, Record<string, string>, string][] = [
    ['202', 202, token, {}, 'http-202'],
    ['201', 201, token, {}, 'http-201'],
    ['204', 204, '', {}, 'http-204'],
    ['500 of LM’s own', 500, lmError(1500), {}, 'http-500'],
    ['502', 502, '', {}, 'http-502'],
    ['HTML 503', 503, '<html>', html, 'http-503'],
    ['200 without a key', 200, keyless, {}, 'not-a-token'],
    ['200 with an empty key', 200, { ...token, accessKey: '' }, {}, 'not-a-token'],
    ['200 with an id out of range', 200, { ...token, id: 2_147_483_648 }, {}, 'not-a-token'],
    ['200 with a broken id', 200, { ...token, id: 1.5 }, {}, 'not-a-token'],
    ['200 with an id in text', 200, { ...token, id: '248' }, {}, 'not-a-token'],
    ['200 with an id of 0', 200, { ...token, id: 0 }, {}, 'not-a-token'],
    ['200 for another admin', 200, { ...token, adminId: 33 }, {}, 'wrong-admin'],
    ['200 with an error in it', 200, { ...token, ...lmError(1404) }, {}, 'error-code-1404'],
    ['200 in the envelope of v1', 200, { status: 200, errmsg: 'OK', data: token }, {}, 'v1-envelope'],
    ['200 that is a list', 200, [token], {}, 'not-json'],
    ['200 that is null', 200, 'null', {}, 'not-json'],
    ['200 cut in two', 200, '{"id":248,', {}, 'not-json'],
    ['200 called HTML', 200, token, html, 'not-json'],
    ['200 that says it is encoded', 200, token, { 'content-encoding': 'br' }, 'encoded'],
    ['HTML 401', 401, '<html>', html, 'not-json'],
    ['401 of someone else’s JSON', 401, { message: 'no' }, {}, 'not-lm-error'],
    ['401 with a code in text', 401, { errorMessage: '', errorCode: '1401' }, {}, 'not-lm-error'],
    ['401 in the envelope of v1', 401, { status: 1401, errmsg: 'no', data: null }, {}, 'not-lm-error'],
    ['HTML 404', 404, '<html>', html, 'not-json'],
    ['HTML 429', 429, '<html>', html, 'not-json'],
    ['LM’s 403, called HTML', 403, lmError(1403), html, 'not-json'],
    ['status 600', 600, lmError(1), {}, 'http-600'],
  ];
  for (const [name, status, body, headers, reason] of cases) {
    await t.test(name, async (t) => {
      t.match(await answered(t, status, body, headers), { kind: 'ambiguous', status, reason });
    });
  }
});

t.test('LM’s own JSON proves that nothing was made', async (t) => {
  const cases = [
    [400, 1400, 'upstream-rejected'],
    [403, 1403, 'upstream-forbidden'],
    [404, 1404, 'admin-not-found'],
    [409, 1409, 'upstream-conflict'],
    [412, 1412, 'upstream-rejected'],
    [413, 1413, 'upstream-rejected'],
  ] as const;
  for (const [status, code, problem] of cases) {
    t.match(await answered(t, status, lmError(code)), { kind: 'refused', status, problem });
  }
  t.match(await answered(t, 429, lmError(1429)), { kind: 'rate-limited', status: 429 });
});

t.test('a redirect is refused and never followed', async (t) => {
  const elsewhere = await httpServer(t, () => t.fail('followed'));
  for (const status of [301, 302, 303, 307, 308, 304]) {
    t.match(await answered(t, status, '', { location: elsewhere }), {
      kind: 'refused',
      status,
      problem: 'upstream-protocol',
    });
  }
});

t.test('LM’s 401 comes with the skew that its Date shows', async (t) => {
  const date = new Date(Date.now() - 3_600_000).toUTCString();
  const answer = await answered(t, 401, lmError(1401), { date });
  t.equal(answer.kind, 'key-rejected');
  const skewMs = answer.kind === 'key-rejected' ? (answer.skewMs ?? 0) : 0;
  t.ok(Math.abs(skewMs + 3_600_000) < 2_000, `${skewMs}`);
  const rubbish = await answered(t, 401, lmError(1401), { date: '1' });
  t.match(rubbish, { kind: 'key-rejected', skewMs: undefined });
});

t.test('the operator is told once that the clocks are apart, and once that they agree again', async (t) => {
  const offsets = [0, 400_000, 400_000, 0, 0];
  const url = await httpServer(t, (_, response) => {
    response.setHeader('date', new Date(Date.now() + (offsets.shift() ?? 0)).toUTCString());
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
  });
  const { portal, told } = portalAt(t, url);
  t.equal(portal.clockSkewMs(), undefined);
  const levels: string[][] = [];
  while (offsets.length > 0) {
    await portal.send(portal.sign(order, pair), within(5_000));
    levels.push(told.map(({ level }) => level));
  }
  t.strictSame(levels, [[], ['warn'], ['warn'], ['warn', 'info'], ['warn', 'info']]);
  t.ok(Math.abs(portal.clockSkewMs() ?? 9e9) < 2_000);
});
