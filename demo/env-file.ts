import { rename, rm, writeFile } from 'node:fs/promises';
import type { Stack } from './stack.ts';

/** A file of `KEY=VALUE` lines for whoever tries the demo's parts. It holds keys that work while the demo runs, so its mode is 0600. */
export interface EnvFile {
  /** Puts it in its place, whole. */
  write(stack: Stack): Promise<void>;
  /** Takes it away: what it names has ended. */
  remove(): Promise<void>;
}

/**
 * Takes away what an earlier demo left at `path`, so that nobody who waits for the file reads that, and makes sure that
 * it can be written. Throws an Error that names the option when it cannot.
 */
export async function envFileAt(path: string): Promise<EnvFile> {
  const draft = `${path}.${process.pid}`;
  try {
    await rm(path, { force: true });
    await writeFile(draft, '', { mode: 0o600 });
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'unknown fault';
    throw new Error(`--env-file ${path} cannot be written (${code})`);
  }
  return {
    async write(stack) {
      const lines = Object.entries(await valuesOf(stack)).map(([name, value]) => `${name}=${value}\n`);
      await writeFile(draft, lines.join(''));
      await rename(draft, path);
    },
    async remove() {
      await Promise.all([rm(draft, { force: true }), rm(path, { force: true })]);
    },
  };
}

async function valuesOf(stack: Stack): Promise<Record<string, string>> {
  const { broker, provisioned, lmUrl, lmPair, vault, auditDir, policyDir } = stack;
  return {
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
}
