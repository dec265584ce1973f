import { z } from 'zod';
import type { VaultApi } from './api.ts';
import { mountOnce } from './mount.ts';

/** Somebody with a JWT of the OIDC issuer. */
export type Caller = {
  name: string;
  /** The `sub` of its JWTs: the id of its entity, new on each server. */
  subject: string;
  /** A new JWT, signed with ES256. */
  mintJwt(): Promise<string>;
};

export type Callers = {
  /** The `iss` of all JWTs; its discovery document is at `/.well-known/openid-configuration` below it. */
  issuer: string;
  /** Their `aud`. */
  audience: string;
  callers: { allowed: Caller; other: Caller };
};

/** The identity engine as an OIDC issuer whose JWTs live `ttl` seconds, and two callers with JWTs for `audience`. */
export async function provisionCallers(server: VaultApi, audience: string, ttl: number): Promise<Callers> {
  const issuer = await provisionIssuer(server);
  await provisionAudience(server, 'callers', audience, ttl);
  return {
    issuer,
    audience,
    callers: {
      allowed: await provisionCaller(server, 'callers', 'ci-runner'),
      other: await provisionCaller(server, 'callers', 'intern'),
    },
  };
}

async function provisionIssuer({ api, address }: VaultApi): Promise<string> {
  await api('POST', 'identity/oidc/config', { issuer: address });
  return `${address}/v1/identity/oidc`;
}

/** An OIDC role `role` of the issuer, with a key of its own, for JWTs with this `aud`. */
export async function provisionAudience(
  { api }: VaultApi,
  role: string,
  audience: string,
  ttl: number,
): Promise<void> {
  await api('POST', `identity/oidc/key/${role}`, { algorithm: 'ES256', allowed_client_ids: [audience] });
  await api('POST', `identity/oidc/role/${role}`, { key: role, client_id: audience, ttl });
}

const RoleId = z.object({ data: z.object({ role_id: z.string() }) });
const SecretId = z.object({ data: z.object({ secret_id: z.string() }) });
const Entity = z.object({ data: z.object({ id: z.string() }) });
const Accessor = z.object({ data: z.object({ accessor: z.string() }) });
const Login = z.object({ auth: z.object({ client_token: z.string() }) });
const OidcToken = z.object({ data: z.object({ token: z.string() }) });

/**
 * An entity `name` that can do one thing: ask for its own JWT of the OIDC role `role`. It logs in by an AppRole mount
 * apart from the broker's, which is quick, where userpass would spend 100 ms on hashing a password.
 */
export async function provisionCaller(server: VaultApi, role: string, name: string): Promise<Caller> {
  const { api } = server;
  const mount = 'demo-callers';
  const approle = `auth/${mount}/role/${name}`;
  await mountOnce(server, 'sys/auth', mount, { type: 'approle' });
  await api('PUT', `sys/policies/acl/oidc-${role}`, {
    policy: `path "identity/oidc/token/${role}" { capabilities = ["read"] }`,
  });
  await api('POST', approle, {
    token_policies: [`oidc-${role}`],
    token_no_default_policy: true,
    token_ttl: 60,
  });
  const { role_id: roleId } = RoleId.parse(await api('GET', `${approle}/role-id`)).data;
  const { secret_id: secretId } = SecretId.parse(await api('POST', `${approle}/secret-id`, {})).data;

  await api('POST', `identity/entity/name/${name}`, {});
  const { id: subject } = Entity.parse(await api('GET', `identity/entity/name/${name}`)).data;
  const { accessor } = Accessor.parse(await api('GET', `sys/auth/${mount}`)).data;
  await api('POST', 'identity/entity-alias', {
    name: roleId,
    canonical_id: subject,
    mount_accessor: accessor,
  });
  return {
    name,
    subject,
    async mintJwt() {
      const login = { role_id: roleId, secret_id: secretId };
      const { auth } = Login.parse(await api('POST', `auth/${mount}/login`, login, ''));
      const answer = await api('GET', `identity/oidc/token/${role}`, undefined, auth.client_token);
      return OidcToken.parse(answer).data.token;
    },
  };
}
