import t from 'tap';
import { bundleWith, EXAMPLE, exampleWith, load } from '../policy/bundle.ts';
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
    context has certificate && context.certificate == "CN=x" && context.ttl == 5400 && context.wrap &&
    context.note == "--n" && context.status == 1 && context.type == "bearer" && context.reason == "r" &&
    context.sourceAddress == ip("10.1.2.3") && context.time == {hour: 23, minute: 59, weekday: 7} };`;
  const dir = await bundleWith(t.testdir(), { 'policies/new.cedar': all });
  const flags = ['--admin=41', '--note=--n', '--status=1', '--type=bearer', '--reason=r', '--from=10.1.2.3'];
  flags.push('--certificate=CN=x', '--ttl=90m', '--wrap-ttl=60');
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
    obligations: null,
    bundle: digest,
    input: explained.decision.input,
  });
  t.match(explained.decision.input, { groups: ['automation-users', 'production'], ttlS: null, wrap: false });
  t.match(explained, { ttlS: null, notes: [] });
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

t.test(
  'what the permits ask for is told, with how long the token would live, and what is not enforced',
  async (t) => {
    const obliged = `@id("o") @max_ttl("8h") @default_ttl("1h") @require("reason, idempotency-key") @quota("2 per 1h")
    permit (principal == Service::"mtls:CN=x", action, resource == Admin::"41");`;
    const dir = await bundleWith(t.testdir(), {
      'policies/new.cedar': obliged,
      'entities.yaml': await exampleWith(
        'entities.yaml',
        'groups:\n',
        "  - { issuer: mtls, subject: 'CN=x' }\ngroups:\n",
      ),
    });
    const asked = async (...words: string[]) => {
      const said = await policyCommand('explain', dir, '--as', 'mtls:CN=x', '--admin', '41', ...words);
      t.equal(said.stderr.split('\n').length, 4);
      t.match(said.stderr, /^policies\/new\.cedar:1:10: note: @max_ttl is not enforced by this version/);
      return said.stdout.split('\n\n')[0]?.split('\n');
    };
    const asks = [
      '  needs reason, idempotency-key',
      '  ttl at most 8h',
      '  ttl 1h by default',
      '  2 in 1h per principal',
    ];
    const fit = ['--reason', 'r', '--idempotency-key'];
    t.strictSame(await asked(), ['refused, reason-required by o', ...asks]);
    t.strictSame(await asked('--reason', 'r'), ['refused, key-required by o', ...asks]);
    t.strictSame(await asked(...fit, '--ttl', '28801'), ['refused, ttl-too-long by o', ...asks]);
    t.strictSame(await asked(...fit), ['allowed by o', ...asks, '  the token would live for 3600 s']);
    t.strictSame((await asked(...fit, '--ttl=8h'))?.at(-1), '  the token would live for 28800 s');

    const words = ['--as', 'mtls:CN=x', '--admin', '41', ...fit, '--json'];
    const json = await policyCommand('explain', dir, ...words);
    t.equal(json.stderr, '');
    t.match(JSON.parse(json.stdout), {
      ttlS: 3600,
      decision: { allow: true, obligations: { maxTtlS: 28_800, quotas: [{ policy: 'o', limit: 2 }] } },
      notes: [{ line: 1 }, { line: 1 }, { line: 1 }, { line: 1 }],
    });
  },
);

t.test('claims are given as JSON or as plain text, by the types that are declared', async (t) => {
  const all = `@id("all") permit (principal, action, resource == Admin::"41") when {
    context.claims has ref && context.claims.ref == "42" && context.claims has run && context.claims.run == 7 &&
    context.claims has groups && context.claims.groups.contains("a") };`;
  const dir = await bundleWith(t.testdir(), {
    'policies/new.cedar': all,
    'issuers.yaml': await exampleWith(
      'issuers.yaml',
      '\n    # Where',
      '\n    claims: { ref: String, run: Long, groups: Set<String> }\n    # Where',
    ),
    'schema.cedarschema': await exampleWith(
      'schema.cedarschema',
      'type Claims = {};',
      'type Claims = { ref?: String, run?: Long, groups?: Set<String> };',
    ),
  });
  const claims = (...all: string[]) =>
    ask(dir, '--admin', '41', ...all.flatMap((claim) => ['--claim', claim])).then(({ stdout }) => stdout);
  t.match(await claims('ref=42', 'run=7', 'groups=["a","b"]'), /^allowed by all\n/);
  t.match(await claims('ref="42"', 'run=7', 'groups=["a","b"]'), /^allowed by all\n/);
  t.match(await claims('ref=42', 'run=7'), /^refused, no-permit\n/);
  t.match(
    await claims('ref=42', 'run=seven', 'groups=a'),
    /^refused, claim-type\n {2}the claim `run` is not of the type .*\n {2}the claim `groups` is not/,
  );
});

const P = 'lm-token-broker policy: ';
const wrong: [string[], string][] = [
  [['--admin', '32', '--tll', '60'], `${P}Unknown option '--tll'`],
  [['--admin', '32', '--ttl', '0'], `${P}--ttl must be seconds, or`],
  [['--admin', '32', '--wrap-ttl', 'soon'], `${P}--wrap-ttl must be seconds, or`],
  [['--admin', '32', '--claim', 'ref'], `${P}--claim must be NAME=VALUE`],
  [
    ['--admin', '32', '--claim', 'ref=x'],
    `${P}--claim ref is not a claim that issuers.yaml declares at demo`,
  ],
  [['--admin', '32', '--claim', 'ref=x', '--claim', 'ref=y'], `${P}--claim ref stands twice`],
  [['--admin', '32', '--certificate', ''], `${P}--certificate must not be empty`],
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
