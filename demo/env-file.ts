import { writeFile } from 'node:fs/promises';
import type { Stack } from './stack.ts';

/** Writes what one needs to try the demo's parts, as `KEY=VALUE` lines, mode 0600: it holds keys that work while the demo runs. */
export async function writeEnvFile(path: string, stack: Stack): Promise<void> {
  const { broker, provisioned, lmUrl, lmPair, vault, auditDir, policyDir } = stack;
  const values: Record<string, string> = {
    BROKER_URL: broker.url,
    CALLER_JWT: await provisioned.callers.allowed.mintJwt(),
    OTHER_JWT: await provisioned.callers.other.mintJwt(),
    LM_URL: lmUrl,
    LM_ACCESS_ID: lmPair.accessId,
    LM_ACCESS_KEY: lmPair.accessKey,
    VAULT_ADDR: vault.address,
    VAULT_TOKEN: vault.rootToken,
    AUDIT_DIR: auditDir,
    BROKER_PID: String(broker.pid),
    BROKER_LOG: broker.logFile,
    BROKER_PRIVATE_URL: broker.privateUrl ?? '',
    POLICY_DIR: policyDir,
  };
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(path, lines.join(''), { mode: 0o600 });
}
