import type { VaultApi } from './api.ts';
import type { KvSecret } from './kv.ts';

/** The broker's policy. Vault looks policies up at each request, so a change holds for tokens already given out. */
export type BrokerPolicy = {
  name: string;
  /** The rules as provisioned, in HCL. */
  rules: string;
  /** Replaces the rules; `''` takes every right away. */
  set(rules: string): Promise<void>;
  /** Puts the provisioned rules back. */
  restore(): Promise<void>;
};

/** Writes the policy `name`: what the broker does with Vault, and nothing else. */
export async function provisionBrokerPolicy(
  { api }: VaultApi,
  name: string,
  kv: Pick<KvSecret, 'mount' | 'path'>,
  transitKey: string,
): Promise<BrokerPolicy> {
  const rules = brokerRules(kv, transitKey);
  const set = async (policy: string) => {
    // An empty text is refused by the server; a comment is a policy that grants nothing.
    await api('PUT', `sys/policies/acl/${name}`, { policy: policy === '' ? '# nothing' : policy });
  };
  await set(rules);
  return { name, rules, set, restore: () => set(rules) };
}

/** The least rights that the broker works with, in HCL. */
function brokerRules(kv: Pick<KvSecret, 'mount' | 'path'>, transitKey: string): string {
  return `# Read the LM access id and key. Not its metadata, no list, no write: rotation is an operator's business.
path "${kv.mount}/data/${kv.path}" {
  capabilities = ["read"]
}

# Sign checkpoints of the audit log. The private key cannot leave the transit engine.
path "transit/sign/${transitKey}" {
  capabilities = ["update"]
}

# Read the public half of that key, which auditors verify with.
path "transit/keys/${transitKey}" {
  capabilities = ["read"]
}

# Keep its own token alive. The role gives no "default" policy, so these three must be said here.
path "auth/token/renew-self" {
  capabilities = ["update"]
}

# See how long its own token lives, and whether it can be renewed.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# Give its own token back when it stops.
path "auth/token/revoke-self" {
  capabilities = ["update"]
}
`;
}
