import nodeVault from 'node-vault';
import type { z } from 'zod';
import type { Deadline } from '../mint/clock.ts';
import type { Secret } from '../mint/secret.ts';
import { VaultFault } from './fault.ts';
import type { Transport } from './transport.ts';

/** One call to Vault's HTTP API. */
interface VaultCall<Answer> {
  /** From `vaultPath`, below `/v1/`. */
  readonly path: string;
  /** Undefined for a login. */
  readonly token: Secret | undefined;
  /** Sent by POST as JSON; a call without one is a GET. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** What the answer must look like. */
  readonly answer: z.ZodType<Answer>;
  readonly deadline: Deadline;
}

/** Sends one call and returns its checked answer. Throws a `VaultFault`, nothing else. */
export type VaultClient = <Answer>(call: VaultCall<Answer>) => Promise<Answer>;

/**
 * A client of one server and namespace, over node-vault. The token goes with each call rather than with the client, so
 * that no call is sent with another's.
 */
export function vaultClient(
  server: { readonly address: string; readonly namespace?: string | undefined },
  transport: Transport,
): VaultClient {
  const vault = nodeVault({
    apiVersion: 'v1',
    endpoint: server.address,
    'request-promise': transport,
    // Its own would print bodies, and with them secret ids, when `DEBUG` names it.
    debug: () => {},
  });
  // node-vault takes an empty option for an absent one and reads VAULT_NAMESPACE, VAULT_TOKEN and VAULT_PREFIX instead;
  // what is set after its construction stays.
  Object.assign(vault, { namespace: server.namespace ?? '', token: '', pathPrefix: '' });

  return async ({ path, token, body, answer, deadline }) => {
    const options = { headers: token === undefined ? {} : { 'X-Vault-Token': token.reveal() }, deadline };
    const given: unknown = await (body === undefined
      ? vault.read(path, options)
      : vault.write(path, body, options));
    const parsed = answer.safeParse(given);
    // zod's error is dropped: it can hold what it was given.
    if (!parsed.success) throw new VaultFault('protocol', { code: 'unexpected-answer' });
    return parsed.data;
  };
}
