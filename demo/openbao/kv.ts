import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { type VaultApi, VaultRefusal } from './api.ts';
import { mountOnce } from './mount.ts';

/** A LogicMonitor access id and access key. */
export type LmPair = { accessId: string; accessKey: string };

/** The secret that holds the LM pair, in a KV engine of version 2. */
export type KvSecret = {
  mount: string;
  path: string;
  /** Names of the two fields in the secret. */
  fields: { accessId: string; accessKey: string };
  /** Stores the pair as a new version and returns its number. */
  write(pair: LmPair): Promise<number>;
  /** Stores any fields as a new version: a secret of the wrong shape. Returns its number. */
  writeFields(fields: Record<string, unknown>): Promise<number>;
  /** Soft-deletes the newest version: a read is then 404 with metadata and `data: null`. */
  deleteNewest(): Promise<void>;
  undelete(version: number): Promise<void>;
  /** Removes all versions and the metadata: a read is then a bare 404. */
  destroy(): Promise<void>;
};

const Written = z.object({ data: z.object({ version: z.number().int() }) });

/** Mounts KV v2 where it is not yet, and stores the pair. */
export async function provisionKv(
  server: VaultApi,
  { mount, path, fields, pair }: Pick<KvSecret, 'mount' | 'path' | 'fields'> & { pair: LmPair },
): Promise<KvSecret> {
  const { api } = server;
  const writeFields = async (data: Record<string, unknown>) => {
    const written = Written.parse(await api('POST', `${mount}/data/${path}`, { data }));
    return written.data.version;
  };
  const write = ({ accessId, accessKey }: LmPair) =>
    writeFields({ [fields.accessId]: accessId, [fields.accessKey]: accessKey });

  await mountOnce(server, 'sys/mounts', mount, { type: 'kv', options: { version: '2' } });
  await whenUpgraded(() => write(pair));
  return {
    mount,
    path,
    fields,
    write,
    writeFields,
    async deleteNewest() {
      await api('DELETE', `${mount}/data/${path}`);
    },
    async undelete(version) {
      await api('POST', `${mount}/undelete/${path}`, { versions: [version] });
    },
    async destroy() {
      await api('DELETE', `${mount}/metadata/${path}`);
    },
  };
}

/** A new KV v2 mount answers 400 "Upgrading from non-versioned to versioned data" for a moment; asks again for up to 5 s. */
async function whenUpgraded(write: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      const upgrading =
        error instanceof VaultRefusal && error.message.includes('Upgrading from non-versioned');
      if (!upgrading || attempt === 250) throw error;
      await delay(20);
    }
  }
}
