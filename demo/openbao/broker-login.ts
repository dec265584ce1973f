import { z } from 'zod';
import type { VaultApi } from './api.ts';
import { mountOnce } from './mount.ts';

/** What the broker logs in with. */
export type BrokerLogin = {
  roleId: string;
  secretId: string;
  /** Destroys the secret id: from then on the server refuses the login with 400. Tokens given out live on. */
  refuseLogin(): Promise<void>;
};

const RoleId = z.object({ data: z.object({ role_id: z.string() }) });
const SecretId = z.object({ data: z.object({ secret_id: z.string() }) });

/** AppRole login at `auth/approle` for the role `name`, whose tokens hold the policy of that name only; lives in seconds. */
export async function provisionBrokerLogin(
  server: VaultApi,
  name: string,
  tokens: { ttl: number; maxTtl: number },
): Promise<BrokerLogin> {
  const { api } = server;
  await mountOnce(server, 'sys/auth', 'approle', { type: 'approle' });
  const role = `auth/approle/role/${name}`;
  await api('POST', role, {
    token_policies: [name],
    token_no_default_policy: true,
    token_ttl: tokens.ttl,
    token_max_ttl: tokens.maxTtl,
  });
  const { role_id: roleId } = RoleId.parse(await api('GET', `${role}/role-id`)).data;
  const { secret_id: secretId } = SecretId.parse(await api('POST', `${role}/secret-id`, {})).data;
  return {
    roleId,
    secretId,
    async refuseLogin() {
      await api('POST', `${role}/secret-id/destroy`, { secret_id: secretId });
    },
  };
}
