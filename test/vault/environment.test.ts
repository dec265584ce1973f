import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { fakeVault, granted, secret } from './fake-vault.ts';

const run = promisify(execFile);

t.test(
  'no variable of the environment changes where a call goes, what it carries or what is printed',
  async (t) => {
    const elsewhere = await fakeVault(t, () => secret({ id: 'a', key: 'b' }));
    const vault = await fakeVault(t, ({ path }) =>
      path.endsWith('/login') ? granted('issued-token', 60) : secret({ id: 'the-id', key: 'the-key' }),
    );
    const env = {
      VAULT_ADDR: elsewhere.address,
      VAULT_TOKEN: 'token-of-the-shell',
      VAULT_NAMESPACE: 'namespace-of-the-shell',
      VAULT_PREFIX: '/prefix-of-the-shell',
      VAULT_SKIP_VERIFY: '1',
      HTTP_PROXY: elsewhere.address,
      http_proxy: elsewhere.address,
      DEBUG: '*',
    };
    const script = join(import.meta.dirname, 'read-once.ts');
    const { stdout, stderr } = await run(process.execPath, [script, vault.address], { env });
    t.strictSame(
      vault.calls.map(({ path, token }) => ({ path, token })),
      [
        { path: '/v1/auth/approle/login', token: undefined },
        { path: '/v1/secret/data/lm', token: 'issued-token' },
        { path: '/v1/auth/token/revoke-self', token: 'issued-token' },
      ],
    );
    for (const { headers } of vault.calls) t.notOk('x-vault-namespace' in headers);
    t.strictSame(elsewhere.calls, []);
    t.notMatch(stdout + stderr, /the-secret-id|issued-token|the-key/);
  },
);
