import { open } from 'node:fs/promises';
import { join } from 'node:path';

const SQLITE_BUSY = 5;

/**
 * Makes this process the only writer in `dir`: an exclusive SQLite transaction on `lock.db`. The kernel drops its
 * lock with the process, so neither SIGKILL nor a crash leaves a stale one. Resolves to the way to let go.
 *
 * Throws an `Error` for the operator at once when another process holds it.
 */
export async function lockFolder(dir: string): Promise<() => void> {
  const path = join(dir, 'lock.db');
  await (await open(path, 'a', 0o600)).close(); // SQLite would take the process's umask
  const { DatabaseSync } = await import('node:sqlite'); // 1 ms and 2 MB; only a writer needs it
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY;
    const why = busy ? 'another process writes the audit log there' : 'it cannot be locked';
    throw new Error(`AUDIT_DIR ${dir}: ${why}`, { cause });
  }
  return () => db.close();
}
