import t from 'tap';
import { startStack } from '../support/stack.ts';
import { bodies, one, Refusals } from './refused.ts';

const stack = await startStack(t);
const refused = new Refusals(t, stack);

refused.known(
  'a body that is not a JSON object of known members is 400',
  bodies([
    ['empty', '', ['']],
    ['blank', ' \n', ['']],
    ['half an object', '{"note":"a"', ['']],
    ['two objects', '{}{}', ['']],
    ['a comment', '{} // x', ['']],
    ['NaN', '{"status":NaN}', ['']],
    ['null', 'null', ['']],
    ['an array', '[]', ['']],
    ['an array of objects', '[{"note":"a"}]', ['']],
    ['a string', '"{}"', ['']],
    ['a number', '32', ['']],
    ['10,000 brackets', '['.repeat(5_000) + ']'.repeat(5_000), ['']],
    ['a deep member', `{"note":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, ['/note']],
    ['an unknown member', '{"admin":33}', ['/admin']],
    ['two unknown members', '{"a/b":1,"c~d":2}', ['/a~1b', '/c~0d']],
    ['a known member in other letters', '{"Note":"a"}', ['/Note']],
    ['constructor', '{"constructor":{"prototype":{}}}', ['/constructor']],
    ['__proto__', '{"__proto__":{"status":1}}', ['/__proto__']],
    ['__proto__ by escapes', '{"\\u005f_proto__":{}}', ['/__proto__']],
    ['__proto__ inside', '{"x":[{"__proto__":1}]}', ['/x/0/__proto__']],
  ]),
);

refused.known(
  'a member that stands twice is 400, whatever spells it',
  bodies([
    ['other values', '{"status":1,"status":2}', ['/status']],
    ['the same value', '{"note":"a","note":"a"}', ['/note']],
    ['by an escape', '{"note":"a","\\u006eote":"b"}', ['/note']],
    ['ttl', '{"ttl":"5m","ttl":"90d"}', ['/ttl']],
    ['thrice', '{"note":"a","note":"b","note":"c"}', ['/note', '/note']],
    ['nested', '{"x":{"a":1,"b":[{"c":1,"c":2}],"a":2}}', ['/x/b/0/c', '/x/a']],
    ['after a string of brackets', '{"note":"}{\\"\\\\","note":"]"}', ['/note']],
  ]),
);

refused.known(
  'a member of the wrong type or with a value that is not listed is 400',
  bodies([
    ...[null, 1, true, [], {}, ['a']].map((value) => one('note', value)),
    ...[null, 7, {}].map((value) => one('reason', value)),
    ...[0, 3, -1, 1.5, '2', true, null, [2]].map((value) => one('status', value)),
    ...['Bearer', 'api token', 'lmv1', '', null, 2, ['bearer']].map((value) => one('type', value)),
    [
      'all at once',
      '{"note":1,"status":3,"type":"x","reason":4,"z":5}',
      ['/note', '/status', '/type', '/reason', '/z'],
    ],
  ]),
);

refused.known(
  'text that is too long, counted in UTF-16 units, is 400',
  bodies([
    one('note', 'n'.repeat(201)),
    one('note', `${'🚀'.repeat(100)}n`),
    one('reason', 'r'.repeat(501)),
    one('reason', `${'🚀'.repeat(250)}r`),
  ]),
);

const UNFIT = ['\u0000', '\u001b[2J', '\u001b]0;x\u0007', '\t', '\n', '\r', '\u007f', '\u0085', '\u009b2J']
  .concat(['\u061c', '\u200e', '\u200f', '\u2028', '\u2029', '\u202a', '\u202e', '\u2066', '\u2069'])
  .concat(['\ud800', '\udc00', '\udc00\ud800', '🚀\ud83d']);

refused.known(
  'text that moves a cursor, reorders a line or is no text at all is 400',
  bodies(UNFIT.flatMap((unfit) => [one('note', `a${unfit}b`), one('reason', `a${unfit}b`)])),
);

refused.known(
  'a note that could pass for a marker of ours is 400, in any case and width',
  bodies(
    [
      '[lmtb:',
      'hello [lmtb:0f5w3k9m2c8r7t1v4x6z0b2d4g]',
      'x [LMTB:y',
      '[LmTb:',
      '［lmtb：',
      '［ＬＭＴＢ：ａ］',
      '﹇lmtb︓',
      '[ˡᵐᵗᵇ:',
    ].map((note) => one('note', note)),
  ),
);

refused.known(
  'bytes that are not UTF-8, or begin with a byte order mark, are 400',
  bodies([
    ['a lone continuation', Buffer.from('7b226e6f7465223a2261c328ff227d', 'hex'), ['']],
    ['an overlong slash', Buffer.from('7b226e6f7465223a22c0af227d', 'hex'), ['']],
    ['a surrogate in UTF-8', Buffer.from('7b226e6f7465223a22eda080227d', 'hex'), ['']],
    ['a cut sequence', Buffer.from('7b226e6f7465223a22e4b8227d', 'hex'), ['']],
    ['latin-1', Buffer.from('{"note":"Zoë"}', 'latin1'), ['']],
    ['UTF-16', Buffer.from('{}', 'utf16le'), ['']],
    ['a byte order mark', '\ufeff{}', ['']],
  ]),
);

refused.allOnRecord();
