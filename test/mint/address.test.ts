import t from 'tap';
import { isLoopback, plainAddress } from '../../src/mint/address.ts';

t.test('addresses are put as Cedar takes them', async (t) => {
  const cases = {
    '10.0.0.1': '10.0.0.1',
    '::ffff:10.0.0.1': '10.0.0.1',
    '::FFFF:a00:1': '10.0.0.1',
    '0:0:0:0:0:ffff:10.0.0.1': '10.0.0.1',
    'fe80::1%eth0': 'fe80::1',
    '64:ff9b::10.0.0.1': '64:ff9b::a00:1',
    '::1': '::1',
    nonsense: 'nonsense',
  };
  for (const [given, plain] of Object.entries(cases)) t.equal(plainAddress(given), plain, given);
});

t.test('only hosts of this machine are loopback', async (t) => {
  for (const host of ['localhost', '127.0.0.1', '127.9.8.7', '[::1]'])
    t.ok(isLoopback(new URL(`http://${host}:1/`)), host);
  for (const host of [
    '128.0.0.1',
    '127.0.0.1.example.com',
    'localhost.example.com',
    '[::2]',
    '0.0.0.0',
    '10.0.0.1',
  ]) {
    t.notOk(isLoopback(new URL(`http://${host}:1/`)), host);
  }
});
