import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeBundle } from './bundle.ts';
import { connect } from './openbao/api.ts';
import type { LmPair } from './openbao/kv.ts';
import { provision } from './openbao/provision.ts';

// Run once by docker-compose.yml: sets up the OpenBao at VAULT_ADDR with VAULT_TOKEN, an administrator's, and leaves
// below the folder of the first argument what the others start with, one folder for each of them.

/** As long as a JWT is taken by the bundle. */
const JWT_TTL_S = 43_200;
/** The LM user of the broker's own key, in the simulator. */
const BROKER_ADMIN = 7;

const environment = z.object({ VAULT_ADDR: z.url(), VAULT_TOKEN: z.string().min(1) }).parse(process.env);
const top = z.string({ error: 'the folder to write to is missing' }).parse(process.argv[2]);

const pair = await simulatorPair(join(top, 'simulator'));
const { roleId, secretId, issuer, audience, callers } = await provision(
  connect(environment.VAULT_ADDR, environment.VAULT_TOKEN),
  { pair, jwtTtl: JWT_TTL_S },
);
await writeBundle(join(top, 'policy'), { issuer, audience, subject: callers.allowed.subject });
await writeSecret(join(top, 'broker'), 'role-id', roleId);
await writeSecret(join(top, 'broker'), 'secret-id', secretId);
await writeSecret(join(top, 'callers'), 'allowed.jwt', await callers.allowed.mintJwt());
await writeSecret(join(top, 'callers'), 'other.jwt', await callers.other.mintJwt());
console.log(`OpenBao at ${environment.VAULT_ADDR} is provisioned; what the others need is in ${top}.`);

/** The key pair that the simulator starts with: the one in `folder`, so that this may be run again, else a new one. */
async function simulatorPair(folder: string): Promise<LmPair> {
  const known = await readFile(join(folder, 'keys'), 'utf8').catch(() => '');
  const [, accessId, accessKey] = /^\d+:([^:]+):(.+)$/.exec(known) ?? [];
  if (accessId !== undefined && accessKey !== undefined) return { accessId, accessKey };
  const pair = { accessId: randomBytes(10).toString('hex'), accessKey: randomBytes(30).toString('base64') };
  await writeSecret(folder, 'keys', `${BROKER_ADMIN}:${pair.accessId}:${pair.accessKey}`);
  return pair;
}

async function writeSecret(folder: string, name: string, secret: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), secret, { mode: 0o600 });
}
