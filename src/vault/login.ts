import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Deadline } from '../mint/clock.ts';
import { Secret } from '../mint/secret.ts';
import type { VaultClient } from './client.ts';
import { isVaultFault, VaultFault } from './fault.ts';
import { vaultPath } from './path.ts';

/** How the broker gets its Vault token. */
export type Login =
  | {
      readonly method: 'approle';
      readonly mount: string;
      readonly roleId: Secret;
      readonly secretId: Secret;
    }
  /** `jwtFile` is read again at each login: the kubelet, or whoever writes it, replaces it while we run. */
  | {
      readonly method: 'kubernetes' | 'jwt';
      readonly mount: string;
      readonly role: string;
      readonly jwtFile: string;
    }
  | { readonly method: 'token'; readonly token: Secret };

/** A token as Vault gave it. */
export interface IssuedToken {
  readonly token: Secret;
  /** What is left of its life, in ms; `Infinity` when it has no end. */
  readonly lifeMs: number;
  readonly renewable: boolean;
}

const lifeMs = z
  .number()
  .nonnegative()
  .transform((seconds) => (seconds === 0 ? Number.POSITIVE_INFINITY : seconds * 1_000));
const issued = z
  .object({
    auth: z.object({ client_token: z.string().min(1), lease_duration: lifeMs, renewable: z.boolean() }),
  })
  .transform(
    ({ auth }): IssuedToken => ({
      token: new Secret(auth.client_token),
      lifeMs: auth.lease_duration,
      renewable: auth.renewable,
    }),
  );
const lookedUp = z.object({ data: z.object({ ttl: lifeMs, renewable: z.boolean().default(false) }) });
const renewed = z.object({ auth: z.object({ lease_duration: lifeMs, renewable: z.boolean() }) });

/**
 * Logs in. Throws a `VaultFault`: `denied` when Vault refuses (whatever 4xx it uses for that), `local` when the JWT
 * cannot be read, else what kept Vault from answering.
 */
export async function logIn(client: VaultClient, login: Login, deadline: Deadline): Promise<IssuedToken> {
  if (login.method === 'token') return lookUp(client, login.token, deadline);
  const body =
    login.method === 'approle'
      ? { role_id: login.roleId.reveal(), secret_id: login.secretId.reveal() }
      : { role: login.role, jwt: await readJwt(login.jwtFile) };
  const path = vaultPath('auth', login.mount, 'login');
  try {
    return await client({ path, token: undefined, body, answer: issued, deadline });
  } catch (thrown) {
    if (isVaultFault(thrown, 'denied', 'bad-request', 'not-found')) {
      throw new VaultFault('denied', { status: thrown.status, code: 'login-refused' });
    }
    throw thrown;
  }
}

/** When a given token that may not look itself up is looked up again: the refusal may have been a node that lags. */
const LOOK_AGAIN_MS = 60_000;

/** A given token's life. One that may not look itself up is used as it is: the calls it is for will tell. */
async function lookUp(client: VaultClient, token: Secret, deadline: Deadline): Promise<IssuedToken> {
  try {
    const path = vaultPath('auth/token/lookup-self');
    const { data } = await client({ path, token, answer: lookedUp, deadline });
    return { token, lifeMs: data.ttl, renewable: data.renewable };
  } catch (thrown) {
    if (!isVaultFault(thrown, 'denied')) throw thrown;
    return { token, lifeMs: LOOK_AGAIN_MS, renewable: false };
  }
}

/** Renews a token by its own right and tells its new life. Throws a `VaultFault`. */
export async function renew(client: VaultClient, token: Secret, deadline: Deadline): Promise<IssuedToken> {
  const path = vaultPath('auth/token/renew-self');
  const { auth } = await client({ path, token, body: {}, answer: renewed, deadline });
  return { token, lifeMs: auth.lease_duration, renewable: auth.renewable };
}

/** Ends a token by its own right. Throws a `VaultFault`. */
export async function revoke(client: VaultClient, token: Secret, deadline: Deadline): Promise<void> {
  await client({ path: vaultPath('auth/token/revoke-self'), token, body: {}, answer: z.unknown(), deadline });
}

async function readJwt(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    throw new VaultFault('local', { code: 'jwt-file-unreadable' });
  }
  const jwt = text.trim();
  if (jwt === '') throw new VaultFault('local', { code: 'jwt-file-empty' });
  return jwt;
}
