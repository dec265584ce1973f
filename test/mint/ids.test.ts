import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { adminIdSchema, newDecisionId, newMintId, requestIdFrom } from '../../src/mint/ids.ts';

const SHAPE = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

t.test('a mint id is 26 characters of Crockford’s base32, and carries all of its 128 bits', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const id = newMintId(() => bytes);
      const bits = [...id].reduce(
        (sum, digit) => sum * 32n + BigInt('0123456789abcdefghjkmnpqrstvwxyz'.indexOf(digit)),
        0n,
      );
      return SHAPE.test(id) && bits === BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
    }),
    { numRuns: 300 },
  );
  t.equal(
    newMintId(() => new Uint8Array(16)),
    '0'.repeat(26),
  );
  t.equal(
    newMintId(() => new Uint8Array(16).fill(255)),
    `7${'z'.repeat(25)}`,
  );
});

t.test('ids ask for 16 random bytes each, and do not repeat', async (t) => {
  const asked: number[] = [];
  const counted = (count: number): Uint8Array => {
    asked.push(count);
    return randomBytes(count);
  };
  const ids = Array.from({ length: 500 }, () => [newMintId(counted), newDecisionId(counted)]).flat();
  t.equal(new Set(ids).size, 1_000);
  t.ok(asked.every((count) => count === 16));
});

t.test('a request id of the caller is taken over when it came once and is plain', async (t) => {
  for (const given of ['a', '2f9c.retry_1-A', 'x'.repeat(128)])
    t.equal(requestIdFrom([given], randomBytes), given);
});

t.test('a request id that is repeated, absent or odd is replaced by ours', async (t) => {
  const odd = ['', 'x'.repeat(129), 'a b', 'a\n', 'a\nb', 'ä', '"a"', 'a,b', '../a', 'a%20'];
  for (const given of [[], ['a', 'a'], ['a', 'b'], ...odd.map((id) => [id])])
    t.match(requestIdFrom(given, randomBytes), SHAPE, JSON.stringify(given));
});

t.test('an admin id is an integer from 1 to 2147483647 in plain decimal, and nothing else', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_147_483_647 }), (id) => adminIdSchema.parse(String(id)) === id),
  );
  const others = '0 00 032 1e3 +1 -1 1.0 0x1 1_000 2147483648 9999999999 12345678901 ٣٢ ３２ 32/../33'.split(
    ' ',
  );
  for (const text of [...others, '', ' 32', '32 ', '32\n', '\u000032', '32%2F..%2F33', 'NaN', 'Infinity'])
    t.notOk(adminIdSchema.safeParse(text).success, JSON.stringify(text));
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const { success } = adminIdSchema.safeParse(text);
      return success === (/^[1-9]\d*$/.test(text) && Number(text) < 2 ** 31);
    }),
  );
});
