import t from 'tap';
import { bundleWith, EXAMPLE, load } from '../policy/bundle.ts';
import { policyCommand, SERVICE } from './policy-commands.ts';

const ask = (dir: string, ...words: string[]) => policyCommand('explain', dir, '--as', SERVICE, ...words);

t.test('the decision comes first, then what each policy makes of the request', async (t) => {
  t.strictSame(await ask(EXAMPLE, '--admin', '33', '--from', '10.1.2.3'), {
    code: 0,
    stderr: '',
    stdout: [
      'refused, forbidden by production-needs-a-reason',
      '',
      'permit automation-mints-for-its-users (policies/automation.cedar) matches, and is overruled',
      'permit callers-end-their-own-tokens (policies/automation.cedar) does not match: its scope is of another action',
      'forbid only-from-inside (policies/network.cedar) does not match: its condition does not hold',
      'forbid production-needs-a-reason (policies/production.cedar) matches, and decides',
    ].join('\n'),
  });
});

t.test('an allow names its permit, and a refusal that no policy had a say in names none', async (t) => {
  const allowed = await ask(EXAMPLE, '--admin', '32');
  t.match(allowed.stdout, /^allowed by automation-mints-for-its-users\n/);
  const refused = await policyCommand('explain', EXAMPLE, '--as', 'demo:stranger', '--admin', '41');
  t.match(refused, { code: 0, stdout: /^refused, no-permit\n/ });
  t.match(
    refused.stdout,
    'automation-mints-for-its-users (policies/automation.cedar) does not match: its scope is of another principal and resource',
  );
});

t.test('a policy that cannot be evaluated is told with Cedar’s words', async (t) => {
  const long = '@id("long") forbid (principal, action, resource) when { context.ttl * 2000 > 1 };';
  const dir = await bundleWith(t.testdir(), { 'policies/new.cedar': long });
  const said = await ask(dir, '--admin', '32');
  t.match(said.stdout, /^refused, forbidden by long\n/);
  t.match(
    said.stdout,
    /^forbid long \(policies\/new\.cedar\) could not be evaluated, so nothing is allowed: integer overflow/m,
  );
});

t.test('every flag reaches the policies', async (t) => {
  const all = `@id("all") permit (principal, action, resource == Admin::"41") when {
    context.note == "--n" && context.status == 1 && context.type == "bearer" && context.reason == "r" &&
    context.sourceAddress == ip("10.1.2.3") && context.time == {hour: 23, minute: 59, weekday: 7} };`;
  const dir = await bundleWith(t.testdir(), { 'policies/new.cedar': all });
  const flags = ['--admin=41', '--note=--n', '--status=1', '--type=bearer', '--reason=r', '--from=10.1.2.3'];
  const at = '--at=2026-11-29T23:59:59Z';
  t.match((await ask(dir, ...flags, at)).stdout, /^allowed by all\n/);
  for (const left of flags.slice(1)) {
    const rest = flags.filter((flag) => flag !== left);
    t.match((await ask(dir, ...rest, at)).stdout, /^refused/, `without ${left}`);
  }
  t.match((await ask(dir, ...flags, '--at=2026-11-29T22:59:59Z')).stdout, /^refused/);
});

t.test('--json tells the same, with the digest of the bundle', async (t) => {
  const { digest } = await load(EXAMPLE);
  const said = await ask(EXAMPLE, '--admin', '33', '--json');
  const explained = JSON.parse(said.stdout);
  t.strictSame(explained.decision, {
    allow: false,
    reason: 'forbidden',
    policies: ['production-needs-a-reason'],
    errors: [],
    bundle: digest,
  });
  t.strictSame(explained.findings[0], {
    id: 'automation-mints-for-its-users',
    file: 'policies/automation.cedar',
    effect: 'permit',
    outcome: 'matches',
    misfits: [],
    error: null,
    decides: false,
  });
  t.equal(explained.findings.length, 4);
});

const P = 'lm-token-broker policy: ';
const wrong: [string[], string][] = [
  [['--admin', '32', '--ttl', '60'], `${P}Unknown option '--ttl'`],
  [['--admin'], `${P}Option '--admin <value>' argument missing`],
  [[], `${P}--admin is missing`],
  [['--admin', '32', '--admin', '33'], `${P}--admin stands twice`],
  [['--admin', '32', 'more\u001b[2J'], `${P}unexpected: more\\u001b[2J`],
  [['--admin', '032'], `${P}--admin must be a whole number`],
  [['--admin', '0'], `${P}--admin must be at least 1`],
  [['--admin', '32', '--status', '3'], `${P}--status must be 1 or 2`],
  [['--admin', '32', '--type', 'x'], `${P}--type must be`],
  [['--admin', '32', '--from', '10.1.2'], `${P}--from must be an IPv4 or IPv6 address`],
  [['--admin', '32', '--at', '2026-01-05T10:00:00'], `${P}--at must be a time in UTC`],
  [['--admin', '32', '--note', '\u202e'], `${P}--note must not contain`],
];

for (const [words, begin] of wrong) {
  t.test(`wrong words end in 64 and the flag is named: ${JSON.stringify(words)}`, async (t) => {
    const said = await ask(EXAMPLE, ...words);
    t.equal(said.code, 64);
    t.equal(said.stdout, '');
    t.ok(said.stderr.startsWith(begin), said.stderr);
    t.match(said.stderr, /^Usage: /m);
  });
}

t.test('a caller of an issuer that is not declared is wrong words too', async (t) => {
  const words = ['explain', EXAMPLE, '--admin', '32', '--as'];
  t.match(await policyCommand(...words, 'other:x'), {
    code: 64,
    stderr: '--as issuers.yaml declares no issuer',
  });
  t.match(await policyCommand(...words, 'demo'), { code: 64, stderr: '--as must be `alias:subject`' });
});
