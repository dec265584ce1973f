import { join } from 'node:path';
import { z } from 'zod';
import { readRecords } from '../src/audit/read.ts';
import type { Stack, Tell } from './stack.ts';

const minted = z.object({
  id: z.number(),
  adminId: z.number(),
  accessId: z.string(),
  accessKey: z.string(),
  mintId: z.string(),
});

/**
 * Mints a token for admin 32 as the allowed caller, is refused as the other one, and tells in plain words what
 * happened. Throws when anything was not as it should be.
 */
export async function mintAndTell(stack: Stack, tell: Tell): Promise<void> {
  const { broker, provisioned, simulator } = stack;
  const { allowed, other } = provisioned.callers;

  tell('\n1. A service asks for a token for the LogicMonitor user 32.');
  const body = { note: 'nightly report', reason: 'demo' };
  tell(`   POST ${broker.url}/admins/32/tokens   as ${allowed.name}   ${JSON.stringify(body)}`);
  const answer = await post(`${broker.url}/admins/32/tokens`, await allowed.mintJwt(), body);
  if (answer.status !== 201) throw new Error(`the mint was answered ${answer.status}: ${answer.text}`);
  const token = minted.parse(JSON.parse(answer.text));
  tell(
    `   201: token ${token.id}, access id ${token.accessId}, access key ${masked(token.accessKey)}, mint ${token.mintId}`,
  );

  tell('\n2. Who decided, and what was written down before LogicMonitor was called and before the key left:');
  const records = await recordsOf(stack, token.mintId);
  for (const record of records) tell(`   ${inWords(record)}`);

  if (stack.lmUrl === simulator.url) {
    const inLm = simulator.state().tokens.find(({ id }) => id === token.id);
    if (inLm === undefined) throw new Error(`LogicMonitor does not know token ${token.id}`);
    tell(
      `\n3. LogicMonitor has the token, with the marker of the broker in its note: ${JSON.stringify(inLm['note'])}`,
    );
  }

  tell('\n4. Another service, that no policy permits, asks for the same.');
  const refused = await post(`${broker.url}/admins/32/tokens`, await other.mintJwt(), body);
  if (refused.status !== 403)
    throw new Error(`the other caller was answered ${refused.status}: ${refused.text}`);
  const { reason, decisionId } = z
    .object({ reason: z.string(), decisionId: z.string() })
    .parse(JSON.parse(refused.text));
  tell(`   403 policy-denied, reason ${reason}, decision ${decisionId}. Nothing was sent to LogicMonitor.`);
}

async function post(url: string, jwt: string, body: object): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${jwt}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

type MintRecord = Awaited<ReturnType<typeof readRecords>>[number];

/** The records of one mint, once its last one, the delivery, is on disk: at most 100 ms after the answer. */
async function recordsOf({ auditDir }: Stack, mintId: string): Promise<MintRecord[]> {
  const giveUp = Date.now() + 5_000;
  for (;;) {
    const records = (await readRecords(join(auditDir, 'audit.jsonl'))).filter(
      (record) => 'mintId' in record && record.mintId === mintId,
    );
    if (records.some(({ kind }) => kind === 'delivery')) return records;
    if (Date.now() > giveUp) throw new Error(`the audit log has no delivery of mint ${mintId}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function inWords(record: MintRecord): string {
  const at = `#${record.seq} ${record.time}`;
  switch (record.kind) {
    case 'intent':
      return `${at}  intent    ${record.principal.alias}:${record.principal.subject} may mint for admin ${record.adminId}: policy ${record.decision.policies.join(', ')}, decision ${record.decision.id}`;
    case 'outcome':
      return `${at}  outcome   ${record.outcome}: token ${record.token?.id}, access id ${record.token?.accessId}, LogicMonitor answered ${record.upstream.status} in ${record.upstream.durationMs} ms`;
    case 'delivery':
      return `${at}  delivery  ${record.delivery}`;
    default:
      return `${at}  ${record.kind}`;
  }
}

function masked(secret: string): string {
  return `${'•'.repeat(8)} (${secret.length} characters)`;
}
