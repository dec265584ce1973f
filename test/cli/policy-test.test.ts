import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { bundleWith, EXAMPLE, exampleWith } from '../policy/bundle.ts';
import { policyCommand, SERVICE } from './policy-commands.ts';

const asked = (more: object = {}) => JSON.stringify({ as: SERVICE, admin: 32, ...more });

/** A copy of the example with these cases instead of its own. */
async function withCases(
  dir: string,
  cases: Record<string, string | Uint8Array>,
  policies: Record<string, string> = {},
): Promise<string> {
  await bundleWith(dir, policies);
  rmSync(join(dir, 'tests'), { recursive: true });
  for (const kind of ['allow', 'deny']) mkdirSync(join(dir, 'tests', kind), { recursive: true });
  for (const [name, content] of Object.entries(cases)) writeFileSync(join(dir, 'tests', name), content);
  return dir;
}

t.test(
  'every case of the example comes out as it says, and reaches every policy about minting',
  async (t) => {
    const said = await policyCommand('test', EXAMPLE);
    t.match(said, { code: 0, stderr: '' });
    t.match(said.stdout, /^ok {4}deny {3}production needs a reason$/m);
    t.match(said.stdout, /^only-from-inside: matched in 1 of 8$/m);
    t.match(said.stdout, /^callers-end-their-own-tokens: not about minting/m);
    t.match(said.stdout, /\n8 passed, 0 failed$/);
    t.notMatch(said.stdout, /UNTESTED|FAIL/);
  },
);

t.test('a case that comes out otherwise fails, and tells what was decided and by what', async (t) => {
  const dir = await withCases(t.testdir(), {
    'allow/production-needs-none.json': asked({ admin: 33 }),
    'allow/people.json': asked({ admin: 41 }),
    'deny/automation.json': asked(),
    'deny/production.json': asked({ admin: 33 }),
  });
  const said = await policyCommand('test', dir);
  t.equal(said.code, 1);
  t.strictSame(said.stdout.split('\n').slice(0, 4), [
    'FAIL  allow  people: refused, no-permit (tests/allow/people.json)',
    'FAIL  allow  production needs none: refused, forbidden by production-needs-a-reason (tests/allow/production-needs-none.json)',
    'FAIL  deny   automation: allowed by automation-mints-for-its-users (tests/deny/automation.json)',
    'ok    deny   production',
  ]);
  t.match(said.stdout, /^UNTESTED only-from-inside: matched in 0 of 4$/m);
  t.match(said.stdout, /\n1 passed, 3 failed$/);
});

t.test('a permit that a forbid overrules is not untested', async (t) => {
  const dir = await withCases(t.testdir(), { 'deny/production.json': asked({ admin: 33 }) });
  t.match((await policyCommand('test', dir)).stdout, /^automation-mints-for-its-users: matched in 1 of 1$/m);
});

t.test('a refusal that is owed to a policy which cannot be evaluated does not pass as a deny', async (t) => {
  const long = '@id("long") forbid (principal, action, resource) when { context.ttl * 2000 > 1 };';
  const dir = await withCases(t.testdir(), { 'deny/it.json': asked() }, { 'policies/new.cedar': long });
  const said = await policyCommand('test', dir);
  t.equal(said.code, 1);
  t.match(
    said.stdout,
    /^FAIL {2}deny {3}it: refused, forbidden by long; could not be evaluated: long: integer/,
  );
});

t.test('every member of a case reaches the policies', async (t) => {
  const all = `@id("all") permit (principal == Service::"demo:a:b", action, resource == Admin::"41") when {
    context.note == "n" && context.status == 1 && context.type == "bearer" && context.reason == "r" &&
    context.sourceAddress == ip("10.1.2.3") && context.time == {hour: 23, minute: 59, weekday: 7} };`;
  const whole = {
    as: 'demo:a:b',
    admin: 41,
    note: 'n',
    status: 1,
    type: 'bearer',
    reason: 'r',
    sourceAddress: '10.1.2.3',
    time: '2026-11-29T23:59:59Z',
  };
  const others = {
    as: 'demo:a',
    admin: 32,
    note: 'm',
    status: 2,
    type: 'API token',
    reason: 's',
    sourceAddress: '10.1.2.4',
    time: '2026-11-29T23:58:59Z',
  };
  const cases = Object.entries(others).map(([member, other]) => [
    `deny/${member}.json`,
    JSON.stringify({ ...whole, [member]: other }),
  ]);
  const dir = await withCases(
    t.testdir(),
    { 'allow/whole.json': JSON.stringify(whole), ...Object.fromEntries(cases) },
    {
      'policies/new.cedar': all,
      'entities.yaml': await exampleWith(
        'entities.yaml',
        'groups:\n',
        '  - { issuer: demo, subject: a:b }\ngroups:\n',
      ),
    },
  );
  const said = await policyCommand('test', dir);
  t.match(said.stdout, /\n9 passed, 0 failed$/, said.stdout);
});

t.test('a case without a time or an address is asked on a Monday at 10:00 from this machine', async (t) => {
  const noon = `@id("then") permit (principal, action, resource) when {
    context.time == {hour: 10, minute: 0, weekday: 1} && context.sourceAddress == ip("127.0.0.1") };`;
  const dir = await withCases(
    t.testdir(),
    { 'allow/people.json': asked({ admin: 41 }) },
    { 'policies/new.cedar': noon },
  );
  t.equal((await policyCommand('test', dir)).code, 0);
});

t.test(
  'a file that is no case, or would not be read, is a fault with its place, and nothing is run',
  async (t) => {
    const A = 'tests/allow';
    const dir = await withCases(t.testdir(), {
      'allow/alias.json': '{\n  "admin": 32,\n  "as": "nobody:x"\n}',
      'allow/bidi.json': asked({ note: '\u202e' }),
      'allow/good.json': asked(),
      'allow/list.json': '[]',
      'allow/member.json': `{\n\t"as": "${SERVICE}",\n\t"admin": 32,\n\t"from": "10.1.2.3"\n}`,
      'allow/stray.jsn': asked(),
      'allow/syntax.json': '{\n"admin": 32,\n}',
      'allow/text.json': `{"as":"${SERVICE}","admin":"32"}`,
      'allow/twice.json': `{"as":"${SERVICE}","admin":32,"admin":33}`,
      'allow/utf8.json': Buffer.from([0x7b, 0xff]),
    });
    mkdirSync(join(dir, 'tests/denied'));
    mkdirSync(join(dir, 'tests/deny/folder.json'));
    symlinkSync('/dev/zero', join(dir, 'tests/deny/zero.json'));
    const said = await policyCommand('test', dir);
    t.equal(said.code, 1);
    t.equal(said.stdout, '');
    t.strictSame(said.stderr.split('\n'), [
      `${A}/alias.json:3:3: \`as\` issuers.yaml declares no issuer \`nobody\``,
      `${A}/bidi.json:1:62: \`note\` must not contain control, line-separator or bidirectional characters`,
      `${A}/list.json:1:1: must be a JSON object`,
      `${A}/member.json:4:2: \`from\` is not a member that belongs here`,
      `${A}/stray.jsn:1:1: only files that end in \`.json\` belong here; this one would not be read`,
      `${A}/syntax.json:3:1: is not JSON: Expected double-quoted property name`,
      `${A}/text.json:1:51: \`admin\` must be a whole number, as in LogicMonitor`,
      `${A}/twice.json:1:62: \`/admin\`: the member stands twice`,
      `${A}/utf8.json:1:1: is not valid UTF-8`,
      'tests/denied:1:1: cases belong in `tests/allow` and `tests/deny`; here it would not be read',
      'tests/deny/folder.json:1:1: is not a file',
      'tests/deny/zero.json:1:1: is not a file',
    ]);
  },
);

t.test('--json tells what became of each case and policy, and what is not enforced', async (t) => {
  const dir = await withCases(
    t.testdir(),
    { 'allow/people.json': asked({ admin: 41 }), 'deny/short.json': asked({ ttl: '2h', reason: 'r' }) },
    {
      'policies/new.cedar': '@id("hour") @max_ttl("1h") permit (principal, action, resource == Admin::"32");',
    },
  );
  const said = await policyCommand('test', dir, '--json');
  t.match(said, { code: 1, stderr: '' });
  const { cases, policies, notes } = JSON.parse(said.stdout);
  t.strictSame(cases[0], {
    file: 'tests/allow/people.json',
    sentence: 'people',
    expected: 'allow',
    passed: false,
    decision: { allow: false, reason: 'no-permit', policies: [], errors: [], obligations: null },
  });
  t.match(cases[1], { passed: true, decision: { reason: 'ttl-too-long', obligations: { maxTtlS: 3600 } } });
  t.match(policies, [
    { id: 'automation-mints-for-its-users', matchedIn: 1 },
    { id: 'callers-end-their-own-tokens', matchedIn: null },
    { id: 'only-from-inside', matchedIn: 0 },
    { id: 'hour', matchedIn: 1 },
    { id: 'production-needs-a-reason', matchedIn: 0 },
  ]);
  t.match(notes, [{ file: 'policies/new.cedar', line: 1, reason: /^@max_ttl is not enforced/ }]);
  const plain = await policyCommand('test', dir);
  t.match(plain.stderr, /^policies\/new\.cedar:1:13: note: @max_ttl is not enforced/);
});

t.test('a bundle without cases fails: nothing is tested', async (t) => {
  const dir = await bundleWith(t.testdir());
  rmSync(join(dir, 'tests'), { recursive: true });
  const said = await policyCommand('test', dir);
  t.match(said, { code: 1, stdout: '', stderr: /^nothing is tested/ });
});

t.test('a broken bundle is told as by check', async (t) => {
  const dir = await bundleWith(t.testdir(), {
    'policies/new.cedar': 'permit (principal, action, resource);',
  });
  const said = await policyCommand('test', dir);
  t.strictSame(said, { ...(await policyCommand('check', dir)) });
  t.equal(said.code, 1);
});

t.test('the name of a case cannot move a terminal’s cursor', async (t) => {
  const dir = await withCases(t.testdir(), { 'allow/\u001b[2J.json': asked() });
  const said = await policyCommand('test', dir);
  t.equal(said.code, 0);
  t.match(said.stdout, 'ok    allow  \\u001b[2J');
});
