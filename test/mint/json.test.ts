import fc from 'fast-check';
import t from 'tap';
import { jsonPointer, readJson } from '../../src/mint/json.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const pointers = (text: string): string[] => {
  const read = readJson(bytes(text));
  return read.ok ? [] : read.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
};

/** A JSON string that spells `text` by escapes where `escaped` says so. */
function spelled(text: string, escaped: readonly boolean[]): string {
  const units = text.split('').map((unit, index) => {
    if (escaped[index % escaped.length]) return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join('')}"`;
}

const name = fc.string({ maxLength: 8 }).filter((text) => text !== '__proto__');
const value = fc.jsonValue({ maxDepth: 3 }).filter((json) => !JSON.stringify(json).includes('__proto__'));

t.test('whatever JSON.stringify writes is read back as the same value', async () => {
  fc.assert(
    fc.property(value, (json) => {
      const text = JSON.stringify(json);
      const read = readJson(bytes(text));
      return read.ok && JSON.stringify(read.value) === text;
    }),
    { numRuns: 300 },
  );
});

t.test('a member that stands twice is found at any depth, whatever escapes spell its name', async (t) => {
  const step = fc.oneof(name, fc.nat({ max: 3 }));
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 4 }),
      name,
      value,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
      (path, twice, between, escaped) => {
        const inner = `{${JSON.stringify(twice)}: 1, "${'x'.repeat(9)}": ${JSON.stringify(between)},\n${spelled(twice, escaped)} :2}`;
        const text = path.reduceRight<string>(
          (json, at) =>
            typeof at === 'number' ? `[${'null,'.repeat(at)}${json}]` : `{${JSON.stringify(at)}:${json}}`,
          inner,
        );
        const expected = [`${jsonPointer([...path, twice])} the member stands twice`];
        return JSON.stringify(pointers(text)) === JSON.stringify(expected);
      },
    ),
    { numRuns: 300 },
  );
  t.strictSame(pointers('{"a":1,"b":{"a":1},"c":["a","a",{"a":1}],"\\u0061":2}'), [
    '/a the member stands twice',
  ]);
});

t.test('the same name in different objects, and the same string as a value, stands once', async (t) => {
  t.strictSame(pointers('[{"a":"a"},{"a":"a"},"a","a",{"b":{"a":{"a":[]}}}]'), []);
});

t.test('a name that only looks the same to people is another name', async (t) => {
  t.strictSame(pointers('{"note":1,"Note":2,"note ":3,"n\\u200bote":4,"é":5,"e\\u0301":6}'), []);
});

t.test('a member named __proto__ is refused, escaped or not, and nothing inherits from it', async (t) => {
  t.strictSame(pointers('{"a":[{"__proto__":{"status":1}}]}'), ['/a/0/__proto__ the member is not allowed']);
  t.strictSame(pointers('{"\\u005f_proto__":null}'), ['/__proto__ the member is not allowed']);
});

t.test('faults are bounded, however many members stand twice', async (t) => {
  t.equal(pointers(`{${Array(500).fill('"a":1').join(',')}}`).length, 20);
});

t.test('invalid UTF-8, a byte order mark and broken JSON are faults of the whole body', async (t) => {
  t.strictSame(readJson(Uint8Array.of(0x22, 0xff, 0x22)), {
    ok: false,
    faults: [{ pointer: '', detail: 'the body is not valid UTF-8' }],
  });
  // An overlong `/`, and a surrogate encoded as if it were a character.
  for (const odd of [
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    t.notOk(readJson(Uint8Array.from(odd)).ok);
  }
  for (const text of ['\ufeff{}', '', '{', '{"a":1,}', '{}{}', "{'a':1}", 'NaN', '[1 2]', '"\u0001"'])
    t.strictSame(pointers(text), [' the body is not valid JSON'], JSON.stringify(text));
});

t.test('it never throws, whatever bytes come, and agrees with JSON.parse on what JSON is', async () => {
  const soup = fc.array(fc.constantFrom(...'{}[],:"\\u0061 truenll1e-.\n'.split('')), { maxLength: 40 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        soup.map((parts) => bytes(parts.join(''))),
      ),
      (odd) => {
        const read = readJson(odd);
        if (!read.ok) return read.faults.length > 0;
        JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(odd));
        return true;
      },
    ),
    { numRuns: 1_000 },
  );
});

t.test('a hundred thousand brackets, and a string of a megabyte, break nothing', async (t) => {
  t.ok(readJson(bytes(`[${'['.repeat(100_000)}`)).ok === false);
  t.ok(readJson(bytes(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)).ok);
  t.ok(readJson(bytes(JSON.stringify({ note: '\\"x'.repeat(300_000) }))).ok);
});

t.test('a pointer escapes as RFC 6901 says', async (t) => {
  t.equal(jsonPointer([]), '');
  t.equal(jsonPointer(['a/b', 'm~n', 0, '']), '/a~1b/m~0n/0/');
  t.equal(jsonPointer(['~1']), '/~01');
});
