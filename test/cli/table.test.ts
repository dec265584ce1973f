import t from 'tap';
import { csvRecord } from '../../src/cli/csv.ts';
import { tableLines } from '../../src/cli/table.ts';

t.test('columns are aligned, and cells of several lines make rows of several lines', (t) => {
  const lines = tableLines(
    [{ title: 'A' }, { title: 'LONGER' }, { title: 'LAST' }],
    [
      [['one', 'two'], ['x'], []],
      [[], ['y', 'y', 'y'], ['end']],
    ],
  );
  t.strictSame(lines, ['A    LONGER  LAST', 'one  x', 'two', '     y       end', '     y', '     y']);
  t.end();
});

t.test('a table fits the width that it is given, and loses nothing of its text', (t) => {
  const words = 'permit automation-mints-for-its-users (conditions)';
  const id = 'demo:system:serviceaccount:platform-automation:runner';
  const lines = tableLines(
    [{ title: 'CALLER' }, { title: 'V' }, { title: 'POLICIES' }],
    [[[id], ['yes'], [words]]],
    60,
  );
  for (const line of lines) t.ok(line.length <= 60, line);
  const read = (from: number, to?: number) =>
    lines
      .slice(1)
      .map((line) => line.slice(from, to).trim())
      .join('')
      .replaceAll(' ', '');
  const at = (lines[0] ?? '').indexOf('V');
  t.equal(read(0, at), id);
  t.equal(read((lines[0] ?? '').indexOf('POLICIES')), words.replaceAll(' ', ''));
  t.match(lines[1], / yes /);
  t.end();
});

t.test('a terminal that is too narrow for any table still gets all of it', (t) => {
  const lines = tableLines([{ title: 'A' }, { title: 'B' }], [[['a'.repeat(30)], ['b b '.repeat(10)]]], 5);
  const text = lines.join('');
  t.equal(text.replaceAll(/[^a]/g, '').length, 30);
  t.equal(text.replaceAll(/[^b]/g, '').length, 20);
  t.end();
});

t.test('colour is put around the text alone, and is no part of its width', (t) => {
  const paint = (text: string) => `<${text}>`;
  const lines = tableLines(
    [{ title: 'V', paint }, { title: 'X' }],
    [
      [['yes'], ['x']],
      [['depends'], ['x']],
    ],
  );
  t.strictSame(lines, ['V        X', '<yes>      x', '<depends>  x']);
  t.end();
});

t.test('a table obeys nothing that its text says to a terminal', (t) => {
  const lines = tableLines([{ title: 'A' }], [[['\u001b[2J\u202e\n']]]);
  t.strictSame(lines, ['A', '\\u001b[2J\\u202e\\u000a']);
  t.end();
});

t.test('a CSV record is quoted by RFC 4180 and ends in a carriage return', (t) => {
  t.equal(csvRecord(['a', '', 'b c', 'd,e', 'f"g"']), 'a,,b c,"d,e","f""g"""\r');
  t.end();
});

t.test('no cell of CSV is a formula, and none moves a terminal’s cursor', (t) => {
  for (const sign of ['=', '+', '-', '@']) t.equal(csvRecord([`${sign}1`]), `'${sign}1\r`);
  t.equal(csvRecord(['\t=1', '\r=1']), `'\\u0009=1,'\\u000d=1\r`);
  t.equal(csvRecord(['=HYPERLINK("x","y")']), `"'=HYPERLINK(""x"",""y"")"\r`);
  t.equal(csvRecord(['\u001b[2J\n']), '\\u001b[2J\\u000a\r');
  t.equal(csvRecord(['a=1', 'a-b']), 'a=1,a-b\r');
  t.end();
});
