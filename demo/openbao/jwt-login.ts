import type { VaultApi } from './api.ts';
import { provisionAudience, provisionCaller } from './callers.ts';
import { mountOnce } from './mount.ts';

/** A login by JWT: `POST auth/<mount>/login` with `role` and `jwt`. */
export type JwtLogin = {
  mount: string;
  role: string;
  /** A new JWT that this login takes, to be written to the broker's JWT file. */
  mintJwt(): Promise<string>;
};

/**
 * Lets the broker log in by JWT at `auth/<mount>`, with the server's own OIDC issuer as the one that it trusts; the tokens
 * hold the broker's policy, as those of its AppRole. Needs the issuer of `provisionCallers`.
 */
export async function enableJwtLogin(
  server: VaultApi,
  mount: string,
  role: string,
  tokens: { ttl: number; maxTtl: number },
): Promise<JwtLogin> {
  const { api, address, ca } = server;
  const audience = 'vault-login';
  await provisionAudience(server, audience, audience, 600);
  const broker = await provisionCaller(server, audience, role);
  await mountOnce(server, 'sys/auth', mount, { type: 'jwt' });
  await api('POST', `auth/${mount}/config`, {
    jwks_url: `${address}/v1/identity/oidc/.well-known/keys`,
    ...(ca === undefined ? {} : { jwks_ca_pem: ca }),
    bound_issuer: `${address}/v1/identity/oidc`,
  });
  await api('POST', `auth/${mount}/role/${role}`, {
    role_type: 'jwt',
    user_claim: 'sub',
    bound_audiences: [audience],
    bound_subject: broker.subject,
    token_policies: [role],
    token_no_default_policy: true,
    token_ttl: tokens.ttl,
    token_max_ttl: tokens.maxTtl,
  });
  return { mount, role, mintJwt: broker.mintJwt };
}
