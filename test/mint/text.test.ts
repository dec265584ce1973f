import fc from 'fast-check';
import t from 'tap';
import { escapeUnfit, PLAIN_TEXT } from '../../src/mint/text.ts';

const UNFIT = [
  '\u0000',
  '\t',
  '\n',
  '\r',
  '\u001b',
  '\u001f',
  '\u007f',
  '\u0085',
  '\u009b',
  '\u061c',
  '\u200e',
  '\u200f',
  '\u2028',
  '\u2029',
  ...Array.from({ length: 5 }, (_, i) => String.fromCharCode(0x202a + i)),
  ...Array.from({ length: 4 }, (_, i) => String.fromCharCode(0x2066 + i)),
];

t.test(
  'text with a character that moves a cursor or reorders a line is not plain, wherever it stands',
  async (t) => {
    for (const unfit of UNFIT) {
      for (const text of [unfit, `a${unfit}`, `${unfit}b`, `a${unfit}b`, `a\n${unfit}`])
        t.notMatch(text, PLAIN_TEXT, escapeUnfit(text));
    }
  },
);

t.test('text of any script is plain', async (t) => {
  for (const text of [
    '',
    ' ',
    '~',
    '\u00a0',
    'Zoë – 世界 🚀',
    'שלום עולם',
    'مرحبا',
    '\u200b\u200d',
    '\ud7ff\ue000',
  ])
    t.match(text, PLAIN_TEXT);
});

t.test('what is escaped is plain and well formed, and what was both stays as it was', async (t) => {
  const odd = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...UNFIT, '\ud83d', '\ude80'),
      fc.string({ unit: 'binary', maxLength: 2 }),
    ),
  });
  fc.assert(
    fc.property(odd, (text) => {
      const escaped = escapeUnfit(text);
      const fit = PLAIN_TEXT.test(text) && text.isWellFormed();
      return PLAIN_TEXT.test(escaped) && escaped.isWellFormed() && fit === (escaped === text);
    }),
    { numRuns: 100 },
  );
  t.equal(escapeUnfit('a\u001b[31mb\ud83dc🚀\u202e'), 'a\\u001b[31mb\\ud83dc🚀\\u202e');
});
