import t from 'tap';
import { NO_TTL } from '../../src/mint/ports.ts';
import { printFault } from '../../src/policy/faults.ts';
import { unavailable } from '../../src/policy/load.ts';
import { effectiveTtl, strictest, unmet } from '../../src/policy/obligations.ts';
import { bundleWith, load } from './bundle.ts';

const NONE = { require: [], maxTtlS: null, defaultTtlS: null, quotas: [], maxLive: [] } as const;
const NOTHING = { reason: undefined, wrap: false, keyed: false, ttlS: NO_TTL };

/** The obligations that the annotations of a permit `p` ask for. */
async function obligationsOf(t: { testdir(): string }, annotations: string) {
  const text = `@id("p") ${annotations} permit (principal, action, resource);`;
  const { policies } = await load(await bundleWith(t.testdir(), { 'policies/new.cedar': text }));
  return policies.find(({ id }) => id === 'p')?.obligations;
}

t.test('the annotations of a permit are read to the letter', async (t) => {
  const cases: [string, object | null][] = [
    ['@description("@quota")', null],
    ['@quota("20 per 1h")', { quotas: [{ policy: 'p', limit: 20, windowS: 3600, per: 'principal' }] }],
    [
      '@quota("1000000 per 365d per principal and admin")',
      { quotas: [{ policy: 'p', limit: 1_000_000, windowS: 31_536_000, per: 'principal and admin' }] },
    ],
    ['@quota("1 per 1s per team")', { quotas: [{ policy: 'p', limit: 1, windowS: 1, per: 'team' }] }],
    ['@quota("1 per 30m per admin")', { quotas: [{ policy: 'p', limit: 1, windowS: 1800, per: 'admin' }] }],
    ['@max_live("5")', { maxLive: [{ policy: 'p', limit: 5, per: 'principal' }] }],
    [
      '@max_live("5 per principal and admin")',
      { maxLive: [{ policy: 'p', limit: 5, per: 'principal and admin' }] },
    ],
    ['@max_ttl("8h") @default_ttl("8h")', { maxTtlS: 28_800, defaultTtlS: 28_800 }],
    [
      '@require("ttl,idempotency-key , wrap,reason")',
      { require: ['reason', 'wrap', 'idempotency-key', 'ttl'] },
    ],
  ];
  for (const [annotations, expected] of cases) {
    t.test(annotations, async (t) => {
      t.strictSame(await obligationsOf(t, annotations), expected && { ...NONE, ...expected });
    });
  }
});

t.test('of all permits that match the strictest of each kind holds, and every quota and limit', (t) => {
  const quota = { policy: 'a', limit: 20, windowS: 3600, per: 'principal' } as const;
  const live = { policy: 'b', limit: 5, per: 'admin' } as const;
  t.equal(strictest([]), null);
  t.strictSame(
    strictest([
      { ...NONE, require: ['ttl', 'reason'], maxTtlS: 60, quotas: [quota] },
      { ...NONE, require: ['reason', 'wrap'], maxTtlS: 30, defaultTtlS: 20, maxLive: [live] },
      { ...NONE, defaultTtlS: 25, quotas: [{ ...quota, policy: 'c' }] },
    ]),
    {
      require: ['reason', 'wrap', 'ttl'],
      maxTtlS: 30,
      defaultTtlS: 20,
      quotas: [quota, { ...quota, policy: 'c' }],
      maxLive: [live],
    },
  );
  t.end();
});

t.test('what a request lacks is named, the first of it', (t) => {
  const all = { ...NONE, require: ['reason', 'wrap', 'idempotency-key', 'ttl'], maxTtlS: 60 } as const;
  const whole = { reason: 'r', wrap: true, keyed: true, ttlS: 60 };
  t.equal(unmet(all, whole), null);
  t.equal(unmet(all, NOTHING), 'reason-required');
  t.equal(unmet(all, { ...whole, reason: undefined }), 'reason-required');
  t.equal(unmet(all, { ...whole, reason: ' \u00a0' }), 'reason-required');
  t.equal(unmet(all, { ...whole, wrap: false }), 'wrap-required');
  t.equal(unmet(all, { ...whole, keyed: false }), 'key-required');
  t.equal(unmet(all, { ...whole, ttlS: NO_TTL }), 'ttl-required');
  t.equal(unmet(all, { ...whole, ttlS: 61 }), 'ttl-too-long');
  t.equal(unmet({ ...NONE, maxTtlS: 60 }, NOTHING), null, 'no ttl was asked for, so none is too long');
  t.equal(unmet(NONE, NOTHING), null);
  t.end();
});

t.test('a token lives as long as was asked for, else for the default, else for the largest ttl', (t) => {
  t.equal(effectiveTtl(null, NO_TTL), null);
  t.equal(effectiveTtl(null, 60), 60);
  t.equal(effectiveTtl(NONE, NO_TTL), null);
  t.equal(effectiveTtl({ ...NONE, maxTtlS: 60, defaultTtlS: 30 }, NO_TTL), 30);
  t.equal(effectiveTtl({ ...NONE, maxTtlS: 60, defaultTtlS: 30 }, 50), 50);
  t.equal(effectiveTtl({ ...NONE, maxTtlS: 60 }, NO_TTL), 60);
  t.equal(
    effectiveTtl({ ...NONE, maxTtlS: 60, defaultTtlS: 90 }, NO_TTL),
    60,
    'the default of another permit',
  );
  t.end();
});

t.test(
  'obligations that are not enforced yet are told with their places, and a reason alone is enforced',
  async (t) => {
    const text = `@id("fine") @require("reason") permit (principal, action, resource);
@id("later") @require("reason, ttl")
  @quota("1 per 1s") @max_live("1")
@max_ttl("1h") @default_ttl("1h") permit (principal, action, resource);`;
    const bundle = await load(await bundleWith(t.testdir(), { 'policies/new.cedar': text }));
    const after = 'is not enforced by this version: the broker refuses to load it';
    t.strictSame(unavailable(bundle).map(printFault).sort(), [
      `policies/new.cedar:2:14: @require of anything but \`reason\` ${after}`,
      `policies/new.cedar:3:22: @max_live ${after}`,
      `policies/new.cedar:3:3: @quota ${after}`,
      `policies/new.cedar:4:16: @default_ttl ${after}`,
      `policies/new.cedar:4:1: @max_ttl ${after}`,
    ]);
  },
);
