import { cpSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issuersSchema } from '../../src/identity/issuers.ts';
import type { AdminId, PrincipalId } from '../../src/mint/ids.ts';
import { NO_TTL, type Question } from '../../src/mint/ports.ts';
import { BundleError, printFault } from '../../src/policy/faults.ts';
import { loadBundle } from '../../src/policy/load.ts';

export const EXAMPLE = join(import.meta.dirname, '../../examples/policy');

/** A copy of the example bundle in a fresh folder, with some of its files replaced. */
export async function bundleWith(
  dir: string,
  files: Record<string, string | Uint8Array> = {},
): Promise<string> {
  cpSync(EXAMPLE, dir, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
  return dir;
}

/** The text of one of the example's files, with one piece of it replaced. */
export async function exampleWith(name: string, piece: string, by: string): Promise<string> {
  const text = await readFile(join(EXAMPLE, name), 'utf8');
  if (!text.includes(piece)) throw new Error(`${name} has no ${piece}`);
  return text.replace(piece, () => by);
}

export const load = (folder: string) => loadBundle(folder, issuersSchema);

/** Every fault of a bundle as it is printed; none when it loads. */
export async function faultsOf(folder: string): Promise<string[]> {
  return load(folder).then(
    () => [],
    (error: unknown) => {
      if (error instanceof BundleError) return error.faults.map(printFault);
      throw error;
    },
  );
}

interface Wishes {
  subject?: string;
  alias?: string;
  admin?: number;
  note?: string;
  reason?: string;
  type?: 'API token' | 'bearer';
  sourceAddress?: string;
  now?: number;
  ttlS?: number;
}

/** A question of the example's service about admin 32, unless wished otherwise. */
export function question(wishes: Wishes = {}): Question {
  const {
    subject = 'replace-with-the-sub-of-your-service',
    alias = 'demo',
    note = '',
    type = 'API token',
  } = wishes;
  return {
    action: 'mintToken',
    principal: {
      id: '0'.repeat(64) as PrincipalId, // brand: nothing here depends on it
      issuer: 'https://issuer.example.com',
      alias,
      subject,
      authenticatedBy: 'jwt',
      claims: {},
      misfitClaims: [],
      certificate: null,
    },
    request: {
      adminId: (wishes.admin ?? 32) as AdminId, // brand: a valid id
      note,
      status: 2,
      type,
      reason: wishes.reason,
    },
    ttlS: wishes.ttlS ?? NO_TTL,
    wrap: false,
    keyed: false,
    sourceAddress: wishes.sourceAddress ?? '127.0.0.1',
    now: wishes.now ?? Date.UTC(2026, 10, 25, 13, 5),
  };
}
