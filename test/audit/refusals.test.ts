import t from 'tap';
import { networkOf } from '../../src/audit/network.ts';
import { Refusals } from '../../src/audit/refusals.ts';
import type { RefusalsEvent } from '../../src/mint/records.ts';
import { ManualClock } from './support.ts';

function counting() {
  const clock = new ManualClock();
  const written: RefusalsEvent[] = [];
  const sink = { up: true, ready: () => sink.up, write: (event: RefusalsEvent) => written.push(event) };
  return { clock, written, sink, refusals: new Refusals(clock, sink) };
}

const from = (address: string) => ({ address, requestId: 'r-1', detail: 'no credentials' });

t.test('networks are /24 and /48, in one form for each', async (t) => {
  const expected = {
    '192.0.2.77': '192.0.2.0/24',
    '::ffff:192.0.2.77': '192.0.2.0/24',
    '2001:db8:7:1::1': '2001:db8:7::/48',
    '2001:0DB8:0007:0001:0:0:0:1': '2001:db8:7::/48',
    '2001:db8::1': '2001:db8:0::/48',
    '::1': '0:0:0::/48',
    '1::2:3:4:5:6:7': '1:0:2::/48',
    'fe80::1%eth0': 'fe80:0:0::/48',
    '64:ff9b::192.0.2.1': '64:ff9b:0::/48',
    'not an address': 'unknown',
    '': 'unknown',
  };
  for (const [address, network] of Object.entries(expected)) t.equal(networkOf(address), network, address);
});

t.test('ten seconds of refusals are one record, and none are no record', async (t) => {
  const { clock, written, refusals } = counting();
  for (let i = 0; i < 25; i++) refusals.note('unauthenticated', from(`192.0.2.${i}`));
  refusals.note('not-found', from('198.51.100.1'));
  clock.advance(9_999);
  t.equal(written.length, 0);
  clock.advance(1);
  t.equal(written.length, 1);
  t.match(written[0], {
    since: '2026-11-24T10:00:00.000Z',
    until: '2026-11-24T10:00:10.000Z',
    counts: [
      { cause: 'unauthenticated', network: '192.0.2.0/24', count: 25 },
      { cause: 'not-found', network: '198.51.100.0/24', count: 1 },
    ],
  });
  t.equal(written[0]?.samples.length, 11, 'ten of the one cause, one of the other');
  clock.advance(60_000);
  t.equal(written.length, 1);
  refusals.note('not-found', from('198.51.100.1'));
  clock.advance(10_000);
  t.equal(written.length, 2);
});

t.test('a flood from everywhere stays bounded, and every refusal is counted', async (t) => {
  const { written, refusals } = counting();
  for (let i = 0; i < 5000; i++) refusals.note('unauthenticated', from(`10.${i >> 8}.${i & 255}.1`));
  refusals.flush();
  const counts = written[0]?.counts ?? [];
  t.equal(counts.length, 1001);
  t.match(counts.at(-1), { network: 'other', count: 4000 });
});

t.test('what others wrote is shown escaped and cut', async (t) => {
  const { written, refusals } = counting();
  refusals.note('unauthenticated', {
    address: '::1',
    requestId: null,
    detail: `\u001b[2J\u202e${'x'.repeat(900)}`,
  });
  refusals.flush();
  const detail = written[0]?.samples[0]?.detail ?? '';
  t.match(detail, /^\\u001b\[2J\\u202ex+…$/);
  t.ok(detail.length < 250);
});

t.test('while the log has a fault refusals are counted on, and written when it is back', async (t) => {
  const { clock, written, sink, refusals } = counting();
  sink.up = false;
  refusals.note('unauthenticated', from('192.0.2.1'));
  clock.advance(10_000);
  refusals.note('unauthenticated', from('192.0.2.1'));
  clock.advance(10_000);
  t.equal(written.length, 0);
  sink.up = true;
  clock.advance(10_000);
  t.match(written, [{ counts: [{ count: 2 }] }]);
});
