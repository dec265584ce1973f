import fc from 'fast-check';
import t from 'tap';
import { Deadline } from '../../src/mint/clock.ts';
import { requestIdFrom } from '../../src/mint/ids.ts';
import { looksLikeMarker } from '../../src/mint/marker.ts';
import type { MintCall } from '../../src/mint/ports.ts';
import { Problem } from '../../src/mint/problems.ts';
import { PLAIN_TEXT } from '../../src/mint/text.ts';
import { validate } from '../../src/mint/validate.ts';
import { FakeClock } from '../support/clock.ts';

interface Asked extends Partial<Omit<MintCall, 'readBody'>> {
  readonly body?: unknown;
  readonly text?: string;
}

function callWith({ body = {}, text = JSON.stringify(body), ...other }: Asked): MintCall {
  return {
    requestId: requestIdFrom(['r1'], () => new Uint8Array(16)),
    traceId: null,
    source: { address: '127.0.0.1', userAgent: null },
    deadline: new Deadline(new FakeClock(), 20_000),
    authorization: [],
    certificate: null,
    idempotencyKeys: [],
    contentType: 'application/json',
    contentEncoding: '',
    adminId: '32',
    query: '',
    readBody: async () => new TextEncoder().encode(text),
    report: () => undefined,
    deliver: async () => 'delivered',
    ...other,
  };
}

const accepted = async (asked: Asked = {}) => (await validate(callWith(asked))).request;

/** What a request is refused for: the problem, then each fault as `pointer: detail`. */
async function refused(asked: Asked): Promise<string[]> {
  try {
    await accepted(asked);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown;
    return [
      thrown.problem,
      ...(thrown.extras.errors ?? []).map((fault) => `${fault.pointer}: ${fault.detail}`),
    ];
  }
}

t.test('an empty object asks for an enabled API token without a note', async (t) => {
  t.strictSame(await accepted(), { adminId: 32, note: '', status: 2, type: 'API token' });
});

t.test('everything that can be asked for is read as it was written', async (t) => {
  const body = { note: 'nightly', status: 1, type: 'bearer', reason: 'INC-7' };
  t.strictSame(await accepted({ body, adminId: '2147483647' }), { adminId: 2_147_483_647, ...body });
});

t.test('a note is either taken to the letter or refused, never changed', async (t) => {
  const odd = fc.constantFrom(
    '\u202e',
    '\n',
    '\ud83d',
    '\u0000',
    '[lmtb:',
    '［LMTB：',
    '🚀',
    'é',
    '世',
    '"',
    '\\',
  );
  const note = fc.string({
    unit: fc.oneof({ weight: 9, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) }, odd),
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(note, fc.string({ minLength: 190, maxLength: 210 })), async (note) => {
      const fit =
        note.length <= 200 && PLAIN_TEXT.test(note) && note.isWellFormed() && !looksLikeMarker(note);
      if (!fit) return (await refused({ body: { note } }))[1]?.startsWith('/note: must ') === true;
      return (await accepted({ body: { note } })).note === note;
    }),
    { numRuns: 100 },
  );
  t.equal((await accepted({ body: { note: '🚀'.repeat(100) } })).note.length, 200);
  t.strictSame(await refused({ body: { note: '🚀'.repeat(101) } }), [
    'invalid-request',
    '/note: must be at most 200 UTF-16 code units long',
  ]);
});

t.test('a marker is refused in a note and may stand in a reason, which LM never sees', async (t) => {
  t.match(await refused({ body: { note: 'x ［ＬＭＴＢ：0' } }), [
    'invalid-request',
    /^\/note: .*which the broker writes/,
  ]);
  t.equal((await accepted({ body: { reason: 'replaces [lmtb:0]' } })).reason, 'replaces [lmtb:0]');
});

t.test('a reason is bounded by 500 units and by what fits on a line', async (t) => {
  t.ok(await accepted({ body: { reason: 'x'.repeat(500) } }));
  t.match(await refused({ body: { reason: 'x'.repeat(501) } }), ['invalid-request', /^\/reason: .* 500 /]);
  t.match(await refused({ body: { reason: 'a\nb' } }), ['invalid-request', /^\/reason: .*control/]);
  t.match(await refused({ body: { reason: '\ud800' } }), ['invalid-request', /^\/reason: .*surrogate/]);
});

t.test('a member of another type, or null, is a fault at its place', async (t) => {
  const odd: Record<string, unknown[]> = {
    note: [1, null, [], {}, true],
    status: [0, 3, '2', 2.5, null, true, [2]],
    type: ['Bearer', 'api token', '', null, 1, ['bearer']],
    reason: [1, null, {}],
  };
  for (const [member, values] of Object.entries(odd)) {
    for (const value of values) {
      const said = await refused({ body: { [member]: value } });
      t.match(
        said,
        ['invalid-request', new RegExp(`^/${member}: must be `)],
        `${member}: ${JSON.stringify(value)}`,
      );
      t.equal(said.length, 2);
    }
  }
});

t.test('a body that is no object is refused, and so are arrays, text and nothing', async (t) => {
  for (const text of ['[]', '[{}]', 'null', '1', '"{}"', 'true'])
    t.strictSame(await refused({ text }), ['invalid-request', ': the body must be a JSON object'], text);
  for (const text of ['', ' ', '{', '{}x'])
    t.strictSame(await refused({ text }), ['invalid-request', ': the body is not valid JSON'], text);
});

t.test(
  'members that the API does not know are named, and what is announced is refused by name',
  async (t) => {
    t.strictSame(await refused({ body: { ttl: '45m', wrapTtl: 60, roles: ['administrator'], 'a/b~': 1 } }), [
      'invalid-request',
      '/ttl: is not available yet; leave it out',
      '/wrapTtl: is not available yet; leave it out',
      '/roles: is not a member that this API knows',
      '/a~1b~0: is not a member that this API knows',
    ]);
    t.strictSame(await refused({ body: { ['x'.repeat(5_000)]: 1 } }), [
      'invalid-request',
      `/${'x'.repeat(100)}: is not a member that this API knows`,
    ]);
  },
);

t.test('a member that stands twice is refused, though JSON.parse would take the last', async (t) => {
  t.strictSame(await refused({ text: '{"status":1,"st\\u0061tus":2}' }), [
    'invalid-request',
    '/status: the member stands twice',
  ]);
  t.strictSame(await refused({ text: '{"__proto__":{"note":"x"}}' }), [
    'invalid-request',
    '/__proto__: the member is not allowed',
  ]);
});

t.test('all faults are told at once: path, query, headers and body', async (t) => {
  const body = { note: 1, status: 9, extra: 1 };
  const said = await refused({ adminId: '032', query: 'dryRun=1&x=1&x=2', idempotencyKeys: ['k'], body });
  t.match(said, [
    'invalid-request',
    'query:x: is not a parameter of this path',
    'query:dryRun: must be `true` or `false`',
    'header:Idempotency-Key: is not available yet; leave it out',
    /^path:id: must be a decimal integer/,
  ]);
  for (const member of ['note', 'status', 'extra'])
    t.ok(
      said.some((fault) => fault.startsWith(`/${member}: `)),
      member,
    );
  t.equal(said.length, 8);
});

t.test('a dry run is asked for by one parameter, once, and then a key is not looked at', async (t) => {
  const dry = async (query: string, idempotencyKeys: string[] = []) =>
    (await validate(callWith({ query, idempotencyKeys }))).dryRun;
  t.equal(await dry(''), false);
  t.equal(await dry('dryRun=false'), false);
  t.equal(await dry('dryRun=true'), true);
  t.equal(await dry('dryRun=true', ['k', 'l']), true);
  for (const query of ['dryRun', 'dryRun=', 'dryRun=TRUE', 'dryRun=1', 'dryRun=true&dryRun=true'])
    t.match(await refused({ query }), ['invalid-request', /^query:dryRun: /], query);
  t.match(await refused({ query: 'dryrun=true' }), ['invalid-request', /^query:dryrun: is not/]);
});

t.test('at most 20 faults are told, however many there are', async (t) => {
  const body = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`m${i}`, i]));
  const query = Array.from({ length: 300 }, (_, i) => `q${i}`).join('&');
  t.equal((await refused({ body })).length, 21);
  t.equal((await refused({ query })).length, 21);
});

t.test('JSON in UTF-8 is taken under each way to write its media type', async (t) => {
  for (const contentType of [
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset="UTF-8"',
    'application/json ; charset = Utf-8 ',
    'application/json ; charset="utf-8" ;',
    'APPLICATION/JSON',
    'application/json;',
    ' application/json ; ; charset=utf-8',
    `application/json${' '.repeat(84)}`,
  ])
    t.ok(await accepted({ contentType }), contentType);
  t.ok(await accepted({ contentEncoding: 'Identity' }));
});

t.test('anything else is refused before its body is read', async (t) => {
  const readBody = async (): Promise<never> => t.fail('the body was read') as never; // `as`: t.fail does not throw
  const refusedAs = async (other: Partial<MintCall>) =>
    validate({ ...callWith({}), readBody, ...other }).then(
      () => 'accepted',
      (thrown: unknown) => (thrown instanceof Problem ? thrown.problem : thrown),
    );
  for (const contentType of [
    '',
    'text/plain',
    'text/json',
    'application/json5',
    'application/merge-patch+json',
    'application/json, text/plain',
    'application/json; charset=latin1',
    'application/json; charset=utf-8; charset=utf-16',
    'application/json; charset=utf-8; charset=utf-8',
    'application/json; charset="utf-8',
    'application/json charset=utf-8',
    'application/json;foo=bar',
    'application/json; charset=utf-8; foo=bar',
    'application/json; boundary=x',
    `application/json${' '.repeat(85)}`,
    'application/x-www-form-urlencoded',
  ])
    t.equal(await refusedAs({ contentType }), 'unsupported-media-type', contentType);
  for (const contentEncoding of ['gzip', 'br', 'identity, gzip', 'x'])
    t.equal(await refusedAs({ contentEncoding }), 'unsupported-media-type', contentEncoding);
});

t.test('a body that cannot be read ends in the reader’s own problem', async (t) => {
  const tooLarge = new Problem('payload-too-large', 'too large');
  await t.rejects(validate({ ...callWith({}), readBody: () => Promise.reject(tooLarge) }), tooLarge);
});

t.test('a pointer is told up to 200 units, whatever a caller names its members', async (t) => {
  const inner = Array.from({ length: 21 }, () => '"a":1').join(',');
  const said = await refused({ text: `{"${'~'.repeat(7_900)}":{${inner}}}` });
  t.strictSame(said, ['invalid-request', ...Array(20).fill(`/${'~0'.repeat(99)}~: the member stands twice`)]);
});
