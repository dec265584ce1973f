import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '../demo/broker.ts';
import { startStack } from '../demo/stack.ts';

/**
 * How long a cold start takes, from starting the process until `/readyz` answers 200, beside the start and end of a
 * bare Node: `npm run bench:start -- [runs, 7 unless given]`.
 */
const RUNS = Number(process.argv[2] ?? 7);

const ports = { brokerPort: 0, privatePort: 0, vaultPort: 0, lmPort: 0 };
const stack = await startStack({ once: true, envFile: undefined, ...ports }, {}, () => {});
const folder = mkdtempSync(join(tmpdir(), 'lm-token-broker-bench-'));
const ready: number[] = [];
const bare: number[] = [];
try {
  for (let run = 0; run < RUNS; run++) {
    const bareAt = performance.now();
    spawnSync(process.execPath, ['-e', '']);
    bare.push(performance.now() - bareAt);
    const startedAt = performance.now();
    const broker = await startBroker(
      {
        LISTEN: '127.0.0.1:0',
        PRIVATE_LISTEN: '127.0.0.1:0',
        POLICY_DIR: stack.policyDir,
        AUDIT_DIR: join(folder, `audit-${run}`),
        LM_URL: stack.lmUrl,
        VAULT_ADDR: stack.vault.address,
        VAULT_ROLE_ID: stack.provisioned.roleId,
        VAULT_SECRET_ID: stack.provisioned.secretId,
      },
      join(folder, 'broker.log'),
    );
    while (!(await fetch(`${broker.url}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 5));
    ready.push(performance.now() - startedAt);
    await broker.stop();
  }
} finally {
  await stack.close();
  rmSync(folder, { recursive: true, force: true });
}
const row = (times: number[]) => {
  const sorted = times.toSorted((a, b) => a - b).map(Math.round);
  return { minMs: sorted[0], medianMs: sorted[Math.floor(sorted.length / 2)], maxMs: sorted.at(-1) };
};
console.table({ 'broker, until ready': row(ready), 'bare Node, start and end': row(bare) });
process.exit();
