import t from 'tap';
import { EXAMPLE, load } from '../policy/bundle.ts';
import { policyCommand, SERVICE } from './policy-commands.ts';

const ask = (caller: string, ...words: string[]) =>
  policyCommand('what-can', EXAMPLE, '--as', caller, ...words);

t.test('each admin has a row, and so have all others', async (t) => {
  const said = await ask(SERVICE);
  t.match(said, { code: 0, stderr: '' });
  t.match(said.stdout, `For whom ${SERVICE}, in platform-automation, can mintToken:\n`);
  t.match(said.stdout, /^32 +automation-users +depends +permit automation-mints-for-its-users$/m);
  t.match(said.stdout, /^33 +automation-users, production +depends +permit automation-mints-for-its-users$/m);
  t.match(said.stdout, /^ +forbid only-from-inside \(conditions\)$/m);
  t.match(said.stdout, /^41 +people +no +no permit fits$/m);
  t.match(said.stdout, /^any other admin +no +no permit fits$/m);
});

t.test('another action is reviewed by its own policies', async (t) => {
  const said = await ask(SERVICE, '--action', 'revokeToken');
  t.match(said.stdout, /^any other admin +yes +permit callers-end-their-own-tokens$/m);
  t.match(said.stdout, /\nWhatever policy says, a caller can revoke only what it minted itself\.$/);
});

t.test('a caller that is not declared, by whatever way it comes, is in no team', async (t) => {
  for (const caller of ['demo:a:stranger', 'mtls:spiffe://prod.example/x']) {
    const said = await ask(caller);
    t.match(said, { code: 0, stdout: `For whom ${caller}, in no team, can mintToken:\n` });
    t.notMatch(said.stdout, /yes|depends/);
  }
});

t.test('--json and --csv tell the same', async (t) => {
  const { digest } = await load(EXAMPLE);
  const { admins, ...about } = JSON.parse((await ask(SERVICE, '--json')).stdout);
  t.strictSame(about, {
    action: 'mintToken',
    caller: SERVICE,
    teams: ['platform-automation'],
    bundle: digest,
    notes: [],
  });
  t.match(admins, [
    { admin: 32, groups: ['automation-users'], verdict: 'depends' },
    { admin: 33, groups: ['automation-users', 'production'], verdict: 'depends' },
    { admin: 41, groups: ['people'], verdict: 'no' },
    { admin: null, groups: [], verdict: 'no' },
  ]);
  const [header, , second] = (await ask(SERVICE, '--csv')).stdout.split('\r\n');
  t.equal(
    header,
    'action,caller,teams,admin,groups,verdict,permits,conditional_permits,forbids,conditional_forbids,asks_for',
  );
  t.equal(
    second,
    `mintToken,${SERVICE},platform-automation,33,automation-users; production,depends,automation-mints-for-its-users,,,only-from-inside; production-needs-a-reason,`,
  );
});

t.test('a caller that cannot be one is wrong words', async (t) => {
  t.match(await ask('other:x'), { code: 64, stderr: '--as issuers.yaml declares no issuer `other`' });
  t.match(await ask('demo'), { code: 64, stderr: '--as must be `alias:subject`' });
  t.match(await policyCommand('what-can', EXAMPLE), { code: 64, stderr: '--as is missing' });
  t.match(await policyCommand('what-can', '--as', SERVICE), { code: 64, stderr: 'DIR is missing' });
});
