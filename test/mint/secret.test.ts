import { format, inspect } from 'node:util';
import { pino } from 'pino';
import t from 'tap';
import { Secret } from '../../src/mint/secret.ts';

const VALUE = 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+';
const secret = new Secret(VALUE);

t.test('a secret prints as [secret], whatever prints it', async (t) => {
  const printed: Record<string, string> = {
    string: String(secret),
    template: `${secret}`,
    concatenation: `key: ${secret}`.slice(5),
    json: JSON.parse(JSON.stringify(secret)),
    inspect: inspect(secret),
    'inspect with everything': inspect(secret, { depth: null, showHidden: true, getters: true }),
    '%s': format('%s', secret),
    '%o': format('%o', secret),
    '%j': JSON.parse(format('%j', secret)),
    join: [secret].join(),
  };
  for (const [how, text] of Object.entries(printed)) t.equal(text, '[secret]', how);
});

t.test('a secret inside other things prints as [secret] there', async (t) => {
  const within = { a: [{ b: { c: { secret } } }], map: new Map([['k', secret]]), set: new Set([secret]) };
  const fault = Object.assign(new Error('failed'), { secret, cause: { secret } });
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  log.info({ within, secret }, 'said %s %o', secret, secret);
  log.error(fault);
  const printed = [
    inspect(within, { depth: null, showHidden: true }),
    inspect(within, { compact: false, depth: 9 }),
    inspect(fault, { depth: null, showHidden: true }),
    JSON.stringify(within),
    lines.join(''),
  ];
  for (const text of printed) {
    t.notMatch(text, VALUE);
    t.match(text, '[secret]');
  }
});

t.test('a secret has no property that holds it, and gives it back by its own name only', async (t) => {
  t.equal(secret.reveal(), VALUE);
  t.strictSame(Reflect.ownKeys(secret), []);
  t.strictSame({ ...secret }, {});
  t.equal(new Secret('').reveal(), '');
});
