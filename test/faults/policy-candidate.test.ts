import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { startStack, until } from '../support/stack.ts';

let candidateDir = '';
const stack = await startStack(t, {
  settings: { POLICY_CANDIDATE: join(t.testdir(), 'candidate'), RELOAD_EVERY: '100ms' },
  before: async (_vault, _simulator, policyDir) => {
    candidateDir = join(t.testdirName, 'candidate');
    await cp(policyDir, candidateDir, { recursive: true });
    await writeFile(
      join(candidateDir, 'policies/named.cedar'),
      '@id("no-note-no-token") forbid (principal, action == Action::"mintToken", resource) unless { context.note != "" };',
    );
  },
});

const reportSchema = z.looseObject({
  digest: z.string().nullable(),
  faults: z.array(z.string()),
  counts: z.record(z.string(), z.number()),
  changed: z.array(z.looseObject({ change: z.string(), adminId: z.number(), decisionId: z.string() })),
});
const report = async () =>
  reportSchema.parse(await (await fetch(`${stack.broker.privateUrl}/policy/candidate`)).json());
const counted = async () => Object.values((await report()).counts).reduce((sum, count) => sum + count, 0);

t.test('a candidate is tried on what is asked, and decides nothing', async (t) => {
  await until(async () => (await report()).digest !== null, 'the candidate to be loaded');
  const { status, body } = await stack.mint(32);
  t.equal(status, 201, 'the bundle in force decides');
  t.equal((await stack.mint(32, { note: 'nightly' })).status, 201);
  t.equal((await stack.mint(41, { note: 'x' })).status, 403);
  await until(async () => (await counted()) === 3, 'the candidate to be tried on all three');
  const { counts, changed } = await report();
  t.strictSame(counts, { same: 2, 'would-allow': 0, 'would-refuse': 1, reason: 0, obligations: 0 });
  const intent = (await stack.records()).find(
    (record) => record.kind === 'intent' && record.mintId === body.mintId,
  );
  t.match(changed, [
    {
      change: 'would-refuse',
      adminId: 32,
      decisionId: intent?.kind === 'intent' ? intent.decision.id : '',
      before: { allow: true, policies: ['automation-mints-for-its-users'] },
      after: { allow: false, reason: 'forbidden', policies: ['no-note-no-token'] },
    },
  ]);
  const metrics = await (await fetch(`${stack.broker.privateUrl}/metrics`)).text();
  t.match(metrics, /^lmtb_policy_candidate_decisions\{change="would-refuse"\} 1$/m);
  t.match(metrics, /^lmtb_policy_candidate_up_to_date 1$/m);
});

t.test('a candidate that changes is counted anew, and a broken one is told and harms nobody', async (t) => {
  await writeFile(join(candidateDir, 'policies/broken.cedar'), 'permit (');
  await until(async () => (await report()).faults.length > 0, 'the fault to be told');
  t.match((await report()).faults[0], /^policies\/broken\.cedar:1:\d+: /);
  t.equal((await stack.mint(32)).status, 201);
  t.match(await (await fetch(`${stack.broker.privateUrl}/metrics`)).text(), /candidate_up_to_date 0$/m);
  t.equal((await stack.get('/readyz')).body.status, 'ready', 'the broker is well all the same');
  const live = await readFile(join(candidateDir, 'policies/automation.cedar'), 'utf8');
  await writeFile(
    join(candidateDir, 'policies/broken.cedar'),
    `// mended\n${live.replaceAll('@id("', '@id("again-')}`,
  );
  await until(async () => (await report()).faults.length === 0, 'the candidate to be taken');
  t.equal(await counted(), 0);
});
