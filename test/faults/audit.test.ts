import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { projectFile } from '../../src/project-files.ts';
import { isProblem } from '../support/problem.ts';
import { type Stack, startStack, until } from '../support/stack.ts';

const fileOf = (stack: Stack) => join(stack.auditDir, 'audit.jsonl');

function markedTokens(stack: Stack) {
  return stack.simulator.state().tokens.filter(({ note }) => String(note).includes('[lmtb:'));
}

t.test('A disk that is too full refuses before anything is sent', async (t) => {
  const stack = await startStack(t, { settings: { AUDIT_MIN_FREE: '9000000GB' }, ready: false });
  await until(async () => (await stack.get('/readyz')).body.parts.credential === 'ok', 'the credential');
  const before = stack.simulator.requests().filter(({ method }) => method === 'POST').length;
  isProblem(t, await stack.mint(32), 'audit-unavailable');
  t.equal(stack.simulator.requests().filter(({ method }) => method === 'POST').length, before);
  t.match(await stack.get('/readyz'), { status: 503, body: { parts: { audit: 'failed' } } });
});

t.test('A disk that fails between intent and outcome costs the token, not the record', async (t) => {
  const stack = await startStack(t);
  stack.simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 300, times: 1 });
  const pending = stack.mint(32);
  await stack.simulator.until(() => stack.simulator.requests().some(({ committed }) => committed));
  await rm(fileOf(stack));
  const answer = await pending;
  isProblem(t, answer, 'audit-unavailable', { mustAct: true });
  t.notMatch(answer.text, /accessKey/);
  t.same(markedTokens(stack), [], 'the token is gone from LM');
  await stack.broker.stop();
  const owed = (await stack.log())
    .split('\n')
    .filter((line) => line.includes('an audit record could not be written'));
  const kinds = owed.map((line) => JSON.parse(JSON.parse(line).record).kind);
  t.same(kinds.slice(0, 3), ['outcome', 'delivery', 'end'], 'what is owed goes to the operator');
});

/** Runs a broker that is not expected to listen: its exit code and what it said. */
async function runToItsEnd(
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [projectFile('src/main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const said = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  clearTimeout(impatience);
  return { code: child.exitCode, said: said.join('') };
}

t.test('One folder has one writer', async (t) => {
  const stack = await startStack(t);
  const { code, said } = await runToItsEnd(stack.settings);
  t.equal(code, 1);
  t.match(said, /AUDIT_DIR .*another process writes the audit log there/);
  t.notMatch(said, /\n {4}at /, 'no stack');
  t.notOk(said.includes(stack.vault.secretId));
  t.equal((await stack.mint(32)).status, 201, 'the first one is none the worse');
});

t.test('SIGKILL in mid-mint leaves a log that is whole and an intent that is counted', async (t) => {
  const stack = await startStack(t);
  t.equal((await stack.mint(32)).status, 201);
  stack.simulator.faults.add({ kind: 'delayAfterCommit', method: 'POST', ms: 5_000, times: 1 });
  const before = stack.simulator.state().requests;
  const cut = stack.mint(32, { note: 'cut off' }).catch(() => undefined);
  await stack.simulator.until(() => stack.simulator.requests(before).some(({ committed }) => committed));
  stack.broker.signal('SIGKILL');
  t.equal(await stack.broker.ended, 'SIGKILL');
  t.equal(await cut, undefined, 'the caller got nothing');

  await stack.restart();
  t.equal((await stack.get('/readyz')).body.openIntents, 1);
  const records = await stack.records();
  t.same(
    records.map(({ seq }) => seq),
    records.map((_, i) => i),
    'no record is missing',
  );
  t.match(
    records.find((record) => record.kind === 'system' && record.event === 'start' && record.seq > 0),
    {
      detail: { openIntents: 1 },
    },
  );
  const open = records.find((record) => record.kind === 'intent' && record.requested.note === 'cut off');
  const mintId = open?.kind === 'intent' ? open.mintId : 'a mint id';
  const line = (await stack.log()).split('\n').find((line) => line.includes('no known outcome'));
  t.match(JSON.parse(line ?? '{}'), { level: 'warn', mintId, admin: 32 });
  t.ok(
    markedTokens(stack).some(({ note }) => String(note).endsWith(`[lmtb:${mintId}]`)),
    'and can be found in LM by its marker',
  );
  t.equal((await stack.mint(32)).status, 201);
  const metrics = await (await fetch(`${stack.broker.privateUrl}/metrics`)).text();
  t.match(metrics, /^lmtb_open_intents 1$/m);
});
