import { randomBytes } from 'node:crypto';
import type { LmPair } from '../../demo/openbao/kv.ts';
import { type Provisioned, provision, type Wishes } from '../../demo/openbao/provision.ts';
import { type BaoServer, type ServerOptions, startServer } from '../../demo/openbao/server.ts';

export type OpenBao = Provisioned & {
  server: BaoServer;
  /** The LM pair that was stored. */
  pair: LmPair;
};

/**
 * A real server, provisioned, that ends with the test `t` (0.4 s; 2 s with `keepData`). The LM pair is a new random one
 * unless given.
 */
export async function startOpenBao(
  t: { teardown(handler: () => Promise<void>): unknown },
  { pair = randomPair(), ...wishes }: Partial<Wishes> = {},
  options: ServerOptions = {},
): Promise<OpenBao> {
  const server = await startServer(options);
  t.teardown(() => server.close());
  return { server, pair, ...(await provision(server, { pair, ...wishes })) };
}

/** An LM pair of LM's form that no other test has, so that it can be searched for in logs and answers. */
export function randomPair(): LmPair {
  return {
    accessId: randomBytes(10).toString('hex'),
    accessKey: `H_D9i(f5~B^${randomBytes(14).toString('hex')}+`,
  };
}
