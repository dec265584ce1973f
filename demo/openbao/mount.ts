import { z } from 'zod';
import type { VaultApi } from './api.ts';

const Mounts = z.object({ data: z.record(z.string(), z.unknown()) });

/** Mounts an engine (`sys/mounts`) or a login method (`sys/auth`) unless that path is taken. */
export async function mountOnce(
  { api }: VaultApi,
  kind: 'sys/mounts' | 'sys/auth',
  path: string,
  settings: object,
): Promise<void> {
  const { data } = Mounts.parse(await api('GET', kind));
  if (!(`${path}/` in data)) await api('POST', `${kind}/${path}`, settings);
}
