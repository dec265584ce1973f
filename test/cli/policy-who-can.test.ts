import t from 'tap';
import { bundleWith, EXAMPLE, exampleWith, load } from '../policy/bundle.ts';
import { policyCommand, SERVICE } from './policy-commands.ts';

const MORE = `
@id("ask") @require("reason, wrap") @max_ttl("90m") @default_ttl("1h") @quota("20 per 1d per team") @max_live("5")
permit (principal in Team::"platform-automation", action == Action::"mintToken", resource == Admin::"41");
@id("claimed") @require("ttl") permit (principal, action, resource == Admin::"41") when { context.wrap };
@id("stop") forbid (principal == Service::"${SERVICE}", action, resource in Group::"production");
`;
/** The example with more policies and without a forbid of everybody under conditions. */
const withMore = (dir: string) =>
  bundleWith(dir, { 'policies/network.cedar': '', 'policies/more.cedar': MORE });

t.test('each service has a row, and so have all others, with what the verdict is owed to', async (t) => {
  const said = await policyCommand('who-can', EXAMPLE, '--admin', '33');
  t.match(said, { code: 0, stderr: '' });
  const at = `${SERVICE}  platform-automation  `;
  const indent = ' '.repeat(at.length + 'depends  '.length);
  t.strictSame(said.stdout.split('\n'), [
    'Who can mintToken for admin 33, in automation-users, production:',
    '',
    'CALLER                                     TEAMS                VERDICT  POLICIES                                       ASKS FOR',
    `${at}depends  permit automation-mints-for-its-users`,
    `${indent}forbid only-from-inside (conditions)`,
    `${indent}forbid production-needs-a-reason (conditions)`,
    'any other caller                                                no       no permit fits',
    '',
    'As any other caller counts whoever an issuer (demo) or a client certificate identifies.',
    'Whatever policy says, the broker never mints for the LogicMonitor user of its own key.',
  ]);
});

t.test('a permit of everybody lets any other caller in', async (t) => {
  const open = '@id("open") permit (principal is Service, action, resource);';
  const dir = await bundleWith(t.testdir(), { 'policies/network.cedar': open });
  const said = await policyCommand('who-can', dir, '--admin', '32');
  t.match(said.stdout, /^any other caller +yes +permit open$/m);
});

t.test('an admin that is not declared is in no group', async (t) => {
  const said = await policyCommand('who-can', EXAMPLE, '--admin', '99');
  t.match(said, { code: 0, stdout: /^Who can mintToken for admin 99, in no group:\n/ });
  t.notMatch(said.stdout, /yes|depends/);
});

t.test('what a permit asks for stands beside it', async (t) => {
  const said = await policyCommand('who-can', await withMore(t.testdir()), '--admin', '41');
  const [first, second, others] = said.stdout.split('\n').slice(3, 6);
  t.match(
    first,
    / yes +permit ask +needs reason, wrap; ttl at most 90m; ttl 1h by default; 20 in 1d per team; 5 live per principal$/,
  );
  t.match(second, /^ +permit claimed \(conditions\) +needs ttl$/);
  t.match(others, /^any other caller +depends +permit claimed \(conditions\) +needs ttl$/);
});

t.test('what this version does not enforce is noted, beside the answer', async (t) => {
  const dir = await withMore(t.testdir());
  for (const form of [[], ['--csv']]) {
    const said = await policyCommand('who-can', dir, '--admin', '32', ...form);
    t.equal(said.code, 0);
    t.match(said.stderr, /^policies\/more\.cedar:2:\d+: note: @max_ttl is not enforced/m);
  }
  const said = await policyCommand('who-can', dir, '--admin', '32', '--json');
  t.equal(said.stderr, '');
  t.match(JSON.parse(said.stdout).notes, [{ file: 'policies/more.cedar', line: 2 }]);
});

t.test('a refusal names the forbid without conditions, and asks for nothing', async (t) => {
  const said = await policyCommand('who-can', await withMore(t.testdir()), '--admin', '33');
  t.match(said.stdout, new RegExp(`^${SERVICE} +platform-automation +no +forbid stop$`, 'm'));
});

t.test('--json tells the same, with the digest of the bundle', async (t) => {
  const { digest } = await load(EXAMPLE);
  const said = await policyCommand('who-can', EXAMPLE, '--admin', '32', '--json');
  t.match(said, { code: 0, stderr: '' });
  t.strictSame(JSON.parse(said.stdout), {
    action: 'mintToken',
    admin: 32,
    groups: ['automation-users'],
    bundle: digest,
    callers: [
      {
        caller: SERVICE,
        teams: ['platform-automation'],
        verdict: 'depends',
        permits: [{ id: 'automation-mints-for-its-users', conditional: false, obligations: null }],
        forbids: [{ id: 'only-from-inside', conditional: true }],
        obligations: null,
      },
      {
        caller: null,
        teams: [],
        verdict: 'no',
        permits: [],
        forbids: [{ id: 'only-from-inside', conditional: true }],
        obligations: null,
      },
    ],
    notes: [],
  });
});

t.test('--csv tells the same as records with a header', async (t) => {
  const said = await policyCommand('who-can', await withMore(t.testdir()), '--admin=41', '--csv');
  t.equal(said.code, 0);
  t.strictSame(
    said.stdout.split('\r\n').map((line) => line.replace(/\r$/, '')),
    [
      'action,admin,groups,caller,teams,verdict,permits,conditional_permits,forbids,conditional_forbids,asks_for',
      `mintToken,41,people,${SERVICE},platform-automation,yes,ask,claimed,,,"needs reason, wrap; ttl at most 90m; ttl 1h by default; 20 in 1d per team; 5 live per principal; needs ttl (if claimed holds)"`,
      'mintToken,41,people,any other caller,,depends,,claimed,,,needs ttl (if claimed holds)',
    ],
  );
});

t.test('a subject of entities.yaml cannot move a terminal’s cursor, in no form', async (t) => {
  const entities = await exampleWith(
    'entities.yaml',
    '"replace-with-the-sub-of-your-service"',
    String.raw`"x\e[2J\u202E\n,y"`,
  );
  const dir = await bundleWith(t.testdir(), { 'entities.yaml': entities });
  for (const form of [[], ['--csv'], ['--json']]) {
    const said = await policyCommand('who-can', dir, '--admin', '32', ...form);
    t.equal(said.code, 0);
    t.match(said.stdout, 'demo:x\\u001b[2J\\u202e');
    for (const unfit of ['\u001b', '\u202e']) t.notMatch(said.stdout, unfit);
  }
  const said = await policyCommand('who-can', dir, '--admin', '32', '--csv');
  t.equal(said.stdout.split('\n').length, 3);
});

t.test('a broken bundle is told as by check', async (t) => {
  const dir = await bundleWith(t.testdir(), {
    'policies/new.cedar': 'permit (principal, action, resource);',
  });
  const said = await policyCommand('who-can', dir, '--admin', '32');
  t.match(said, { code: 1, stdout: '', stderr: /^policies\/new\.cedar:1:\d+: / });
});

const wrong: [string[], string][] = [
  [[], '--admin is missing'],
  [['--admin', '032'], '--admin must be a whole number'],
  [['--admin', '0'], '--admin must be at least 1'],
  [['--admin', '2147483648'], '--admin must be at most 2147483647'],
  [['--admin', '32', '--action', 'mint'], '--action must be mintToken or revokeToken'],
  [['--admin', '32', '--json', '--csv'], '--json and --csv exclude each other'],
  [['--admin', '32', '--as', SERVICE], "Unknown option '--as'"],
  [['--admni', '32'], "Unknown option '--admni'; did you mean --admin?"],
];
for (const [words, message] of wrong) {
  t.test(`wrong words end in 64 and the flag is named: ${words.join(' ')}`, async (t) => {
    const said = await policyCommand('who-can', EXAMPLE, ...words);
    t.match(said, { code: 64, stdout: '' });
    t.ok(said.stderr.startsWith(`lm-token-broker policy: ${message}`), said.stderr);
    t.match(said.stderr, /^Usage: lm-token-broker policy who-can DIR --admin ID/m);
  });
}
