import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/** Whether the program exists and its `version` command succeeds within 10 s: a stale shim or a foreign architecture does not. */
export async function isRunnable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    const { stdout } = await run(path, ['version'], { env: bareEnvironment(), timeout: 10_000 });
    return /^(OpenBao|Vault) v\d/m.test(stdout);
  } catch {
    return false;
  }
}

/**
 * The environment that servers run in: nothing named `VAULT_*`, `BAO_*` or `*_PROXY`, so that a developer's shell
 * changes neither where a server listens nor how it reaches its own OIDC issuer.
 */
export function bareEnvironment(): NodeJS.ProcessEnv {
  return z.object({ PATH: z.string(), HOME: z.string(), TMPDIR: z.string() }).partial().parse(process.env);
}
