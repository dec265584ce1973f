import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { type BaoServer, startServer } from '../../demo/openbao/server.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../demo/compose-provision.ts');
const SECRETS = [
  'broker/role-id',
  'broker/secret-id',
  'callers/allowed.jwt',
  'callers/other.jwt',
  'simulator/keys',
];

const Login = z.object({ auth: z.object({ policies: z.array(z.string()) }) });
const Stored = z.object({ data: z.object({ data: z.record(z.string(), z.string()) }) });
const Entities = z.object({ services: z.tuple([z.object({ subject: z.string() })]) });

async function provisionInto(folder: string, server: BaoServer): Promise<void> {
  await run(process.execPath, [SCRIPT, folder], {
    env: { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken },
  });
}

t.test('what docker-compose.yml provisions', async (t) => {
  const server = await startServer();
  t.teardown(() => server.close());
  const folder = t.testdir();
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  await provisionInto(folder, server);
  const keys = read('simulator/keys');

  t.test('lets the broker log in with the two files, and with no more than its policy', async (t) => {
    const login = { role_id: read('broker/role-id'), secret_id: read('broker/secret-id') };
    const { auth } = Login.parse(await server.api('POST', 'auth/approle/login', login, ''));
    t.same(auth.policies, ['lm-token-broker']);
  });

  t.test('puts the simulator’s first key into Vault', async (t) => {
    const { data } = Stored.parse(await server.api('GET', 'secret/data/lm-token-broker/logicmonitor'));
    t.equal(keys, `7:${data.data['access_id']}:${data.data['access_key']}`);
  });

  t.test('writes a bundle that knows the allowed caller, and not the other', async (t) => {
    const [service] = Entities.parse(parse(read('policy/entities.yaml'))).services;
    t.equal(decodeJwt(read('callers/allowed.jwt')).sub, service.subject);
    t.not(decodeJwt(read('callers/other.jwt')).sub, service.subject);
  });

  t.test('leaves every secret readable by its owner only', async (t) => {
    for (const name of SECRETS) t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  });

  t.test('keeps the simulator’s key when it is run again', async (t) => {
    await provisionInto(folder, server);
    t.equal(read('simulator/keys'), keys);
  });
});

t.test('without an address or a token nothing is provisioned', async (t) => {
  const folder = t.testdir();
  const refused = run(process.execPath, [SCRIPT, folder], { env: { VAULT_ADDR: 'http://127.0.0.1:9' } });
  await t.rejects(refused, { message: /VAULT_TOKEN/ });
});
