import { z } from 'zod';
import { type VaultApi, VaultRefusal } from './api.ts';
import { type BrokerLogin, provisionBrokerLogin } from './broker-login.ts';
import { type BrokerPolicy, provisionBrokerPolicy } from './broker-policy.ts';
import { type Callers, provisionCallers } from './callers.ts';
import { enableJwtLogin, type JwtLogin } from './jwt-login.ts';
import { type KvSecret, type LmPair, provisionKv } from './kv.ts';
import { mountOnce } from './mount.ts';

export type Wishes = {
  /** The LM pair to store. */
  pair: LmPair;
  /** Mount and path of the pair, and the names of its two fields. */
  kv?: { mount?: string; path?: string; fields?: { accessId: string; accessKey: string } };
  /** Life of the broker's Vault token and the longest that renewal stretches it to, in seconds. */
  tokenTtl?: number;
  tokenMaxTtl?: number;
  /** The `aud` of the callers' JWTs. */
  audience?: string;
  /** Life of the callers' JWTs, in seconds. */
  jwtTtl?: number;
};

/** All that the broker and its callers need, with handles to change it while the broker runs. */
export type Provisioned = Callers &
  BrokerLogin & {
    kv: KvSecret;
    /** Name of the transit key that signs audit checkpoints: Ed25519, not exportable. */
    transitKey: string;
    brokerPolicy: BrokerPolicy;
    /** Revokes every token that holds the broker's policy, however it was logged in. */
    revokeBrokerTokens(): Promise<void>;
    /** Lets the broker log in by JWT; `mount` may be `kubernetes`, whose login call has the same form. */
    enableJwtLogin(mount?: string): Promise<JwtLogin>;
  };

/** The name of the broker's policy and role. */
const BROKER = 'lm-token-broker';
const TRANSIT_KEY = `${BROKER}-audit`;

/**
 * Sets up a server for the broker by the API that Vault and OpenBao share: the LM pair in KV v2, AppRole login, a policy of
 * least rights, a transit key, and an OIDC issuer (the identity engine) with one caller for policy to allow and one to
 * deny. May be run again on the same server: the pair gets a new version, the rest is as before. Throws what `api` throws.
 */
export async function provision(server: VaultApi, wishes: Wishes): Promise<Provisioned> {
  const kv = await provisionKv(server, {
    mount: wishes.kv?.mount ?? 'secret',
    path: wishes.kv?.path ?? `${BROKER}/logicmonitor`,
    fields: wishes.kv?.fields ?? { accessId: 'access_id', accessKey: 'access_key' },
    pair: wishes.pair,
  });
  await mountOnce(server, 'sys/mounts', 'transit', { type: 'transit' });
  await server.api('POST', `transit/keys/${TRANSIT_KEY}`, { type: 'ed25519', exportable: false });
  const brokerPolicy = await provisionBrokerPolicy(server, BROKER, kv, TRANSIT_KEY);
  const tokens = { ttl: wishes.tokenTtl ?? 3_600, maxTtl: wishes.tokenMaxTtl ?? 86_400 };
  const login = await provisionBrokerLogin(server, BROKER, tokens);
  const callers = await provisionCallers(server, wishes.audience ?? BROKER, wishes.jwtTtl ?? 3_600);
  return {
    ...callers,
    ...login,
    kv,
    transitKey: TRANSIT_KEY,
    brokerPolicy,
    revokeBrokerTokens: () => revokeTokensOf(server, BROKER),
    enableJwtLogin: (mount = 'jwt') => enableJwtLogin(server, mount, BROKER, tokens),
  };
}

const Accessors = z.object({ data: z.object({ keys: z.array(z.string()) }) });
const Token = z.object({ data: z.object({ policies: z.array(z.string()) }) });

async function revokeTokensOf({ api }: VaultApi, policy: string): Promise<void> {
  const { data } = Accessors.parse(await api('LIST', 'auth/token/accessors'));
  for (const accessor of data.keys) {
    try {
      const token = Token.parse(await api('POST', 'auth/token/lookup-accessor', { accessor }));
      if (token.data.policies.includes(policy)) await api('POST', 'auth/token/revoke-accessor', { accessor });
    } catch (error) {
      // A token whose life ended since the list is refused as unknown, and need not be revoked.
      if (!(error instanceof VaultRefusal)) throw error;
    }
  }
}
