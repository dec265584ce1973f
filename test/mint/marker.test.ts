import fc from 'fast-check';
import t from 'tap';
import { newMintId } from '../../src/mint/ids.ts';
import { looksLikeMarker, markedNote } from '../../src/mint/marker.ts';

const FULL_WIDTH = 0xff00 - 0x20;

/** `[lmtb:` with each character in its own case and width. */
const disguised = fc
  .array(fc.constantFrom('small', 'capital', 'wide', 'wide capital'), { minLength: 6, maxLength: 6 })
  .map((looks) =>
    [...'[lmtb:']
      .map((character, index) => {
        const look = looks[index] ?? '';
        const cased = look.includes('capital') ? character.toUpperCase() : character;
        return look.includes('wide') ? String.fromCharCode(cased.charCodeAt(0) + FULL_WIDTH) : cased;
      })
      .join(''),
  );

t.test('a note ends in a space and the marker, whatever it says itself', async (t) => {
  const id = newMintId(() => new Uint8Array(16));
  t.equal(markedNote('nightly report', id), `nightly report [lmtb:${id}]`);
  t.equal(markedNote('', id), ` [lmtb:${id}]`);
  t.equal(markedNote('x'.repeat(200), id).length, 234, 'and is within the 255 that LM is trusted to keep');
});

t.test('a marker is seen in any case and width, wherever it stands', async (t) => {
  fc.assert(
    fc.property(fc.string(), disguised, fc.string(), (before, marker, after) =>
      looksLikeMarker(before + marker + after),
    ),
    { numRuns: 500 },
  );
  t.ok(looksLikeMarker('[𝐥𝐦𝐭𝐛:x]'), 'letters of mathematics');
  t.ok(
    looksLikeMarker(
      markedNote(
        '',
        newMintId(() => new Uint8Array(16)),
      ),
    ),
  );
});

t.test('what only comes near a marker is no marker', async (t) => {
  for (const text of ['', 'lmtb:', '[lmtb', '[lmtb]', '[ lmtb:', '(lmtb:', '[lm-tb:', 'lmtb: [x]', '[lmt:b'])
    t.notOk(looksLikeMarker(text), text);
});
