import { createSecretKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Deadline } from '../mint/clock.ts';
import type { Pair } from '../mint/ports.ts';
import type { Secret } from '../mint/secret.ts';
import type { VaultClient } from './client.ts';
import { isVaultFault } from './fault.ts';
import { vaultPath } from './path.ts';
import type { Operation } from './session.ts';

/** Where LogicMonitor's access id and key are kept: two fields of one secret in a KV engine of version 2. */
export interface KvLocation {
  readonly mount: string;
  readonly path: string;
  readonly accessIdField: string;
  readonly accessKeyField: string;
}

/** Why a secret that Vault was willing to show is of no use; each with what the operator can do about it. */
export const SECRET_FAULTS = {
  'secret-absent': 'There is no secret at this path; write it, or correct the path.',
  'mount-absent': 'No secrets engine is mounted there; correct the mount, which is not part of the path.',
  'namespace-absent': 'Vault does not know the namespace; correct it.',
  'version-deleted':
    'The newest version is deleted, and an older one is not used: undelete it or write a new one.',
  'version-destroyed': 'The newest version is destroyed, and an older one is not used: write a new one.',
  'not-kv-v2':
    'The engine is not KV version 2: turn versioning on (`vault kv enable-versioning`), or correct the mount.',
  'field-missing': 'The secret lacks this field; write it, or correct the name of the field.',
  'field-unfit':
    'The field is not a string, is empty, or holds white space (often a line break at the end) or a control character; an access id holds ASCII without a colon.',
} as const;
type SecretFaultReason = keyof typeof SECRET_FAULTS;

/** The secret is not there, or of no use. It names the field at most, never a value. */
export class SecretFault extends Error {
  override readonly name = 'SecretFault';
  readonly reason: SecretFaultReason;
  readonly field: string | undefined;

  constructor(reason: SecretFaultReason, field?: string) {
    super(field === undefined ? reason : `${reason}: ${field}`);
    this.reason = reason;
    this.field = field;
  }
}

const anySecret = z.object({ data: z.unknown() });
const versioned = z.object({
  data: z.record(z.string(), z.unknown()),
  metadata: z.object({ version: z.number().int().positive() }),
});

/**
 * A reader of the newest version of the pair (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2).
 * Throws a `TypeError` when mount or path cannot be a path. Each read throws a `SecretFault` when Vault shows that
 * there is no usable secret, and a `VaultFault` for everything else.
 */
export function pairReader(client: VaultClient, location: KvLocation): Operation<Pair> {
  const path = vaultPath(location.mount, 'data', location.path);
  const mountPath = vaultPath('sys/internal/ui/mounts', location.mount);
  return async (token, deadline) => {
    try {
      const { data } = await client({ path, token, answer: anySecret, deadline });
      return pairOf(data, location);
    } catch (thrown) {
      if (isVaultFault(thrown, 'bad-request') && thrown.status === 405) throw new SecretFault('not-kv-v2');
      if (!isVaultFault(thrown, 'not-found')) throw thrown;
      const reason = secretFaultReason.safeParse(thrown.code);
      if (reason.success) throw new SecretFault(reason.data);
      const unversioned = await isUnversioned(client, mountPath, token, deadline);
      throw new SecretFault(unversioned ? 'not-kv-v2' : 'secret-absent');
    }
  };
}

const secretFaultReason = z.enum([
  'mount-absent',
  'namespace-absent',
  'version-deleted',
  'version-destroyed',
]);

const mountAnswer = z.object({
  data: z.object({ type: z.string(), options: z.object({ version: z.string().optional() }).nullish() }),
});

/** Whether the mount is something else than KV v2, where a read is a plain 404 too. False when Vault does not tell. */
async function isUnversioned(
  client: VaultClient,
  path: string,
  token: Secret,
  deadline: Deadline,
): Promise<boolean> {
  try {
    const { data } = await client({ path, token, answer: mountAnswer, deadline });
    return data.type !== 'kv' || data.options?.version !== '2';
  } catch {
    return false;
  }
}

function pairOf(data: unknown, { accessIdField, accessKeyField }: KvLocation): Pair {
  const secret = versioned.safeParse(data);
  if (!secret.success) throw new SecretFault('not-kv-v2');
  const fields = secret.data.data;
  // An id goes into a header, between colons; a key is only ever hashed, so it may be any text that can be seen.
  const accessId = fieldOf(fields, accessIdField, /^[\x21-\x39\x3b-\x7e]+$/);
  const accessKey = fieldOf(fields, accessKeyField, /^[^\s\p{C}]+$/u);
  return { accessId, key: keyOf(accessKey), version: secret.data.metadata.version };
}

function fieldOf(fields: Readonly<Record<string, unknown>>, name: string, fit: RegExp): string {
  if (!Object.hasOwn(fields, name)) throw new SecretFault('field-missing', name);
  const value = fields[name];
  if (typeof value !== 'string' || !fit.test(value)) throw new SecretFault('field-unfit', name);
  return value;
}

/** The key outside the JavaScript heap. The string it came as cannot be wiped, but nothing refers to it any longer. */
function keyOf(text: string): KeyObject {
  const bytes = Buffer.from(text, 'utf8');
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}
