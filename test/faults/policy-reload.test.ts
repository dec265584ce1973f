import { cp, mkdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { type Stack, startStack, until } from '../support/stack.ts';

/** A folder that is mounted as Kubernetes mounts one: `..data` is a link to the files of now. */
interface Mounted {
  readonly folder: string;
  /** Puts a version in force by one rename; its files are older than those before. */
  show(version: string): Promise<void>;
  /** Changes a version that is not shown yet. */
  write(version: string, file: string, text: string): Promise<void>;
  read(version: string, file: string): Promise<string>;
}

async function mount(folder: string, from: string): Promise<Mounted> {
  await mkdir(folder);
  for (const version of ['..v1', '..v2', '..v3']) await cp(from, join(folder, version), { recursive: true });
  const show = async (version: string) => {
    for (const file of ['entities.yaml', 'policies/automation.cedar'])
      await utimes(join(folder, version, file), 1_000_000_000, 1_000_000_000);
    await symlink(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await show('..v1');
  return {
    folder,
    show,
    write: (version, file, text) => writeFile(join(folder, version, file), text),
    read: (version, file) => readFile(join(folder, version, file), 'utf8'),
  };
}

const readySchema = z.looseObject({
  status: z.string(),
  parts: z.looseObject({ policy: z.string() }),
  details: z.looseObject({
    policy: z.looseObject({ digest: z.string(), faults: z.array(z.string()) }),
  }),
});

const details = async ({ broker }: Stack) =>
  readySchema.parse(await (await fetch(`${broker.privateUrl}/readyz`)).json());
const digestOf = async (stack: Stack) => (await details(stack)).details.policy.digest;
const metrics = async ({ broker }: Stack) => (await fetch(`${broker.privateUrl}/metrics`)).text();
const bundleRecords = async (stack: Stack) =>
  (await stack.records()).flatMap((record) =>
    record.kind === 'system' && record.event.startsWith('bundle-') ? [record] : [],
  );

let mounted: Mounted;
const stack = await startStack(t, {
  settings: { RELOAD_EVERY: '100ms' },
  before: async (_vault, _simulator, policyDir) => {
    const original = `${policyDir}-original`;
    await rename(policyDir, original);
    mounted = await mount(policyDir, original);
  },
});

t.test('a bundle that is swapped by its link is in force soon, though its files are older', async (t) => {
  const before = await digestOf(stack);
  t.equal((await stack.mint(32)).status, 201);
  await mounted.write('..v2', 'policies/office.cedar', '@id("closed") forbid (principal, action, resource);');
  await mounted.show('..v2');
  await until(async () => (await digestOf(stack)) !== before, 'the other bundle to be in force');
  const after = await digestOf(stack);
  const { status, body } = await stack.mint(32);
  t.equal(status, 403);
  t.equal(body.reason, 'forbidden');
  await until(async () => (await bundleRecords(stack)).length === 2, 'both bundles to be on record');
  t.match(await bundleRecords(stack), [
    { event: 'bundle-loaded', detail: { digest: before } },
    { event: 'bundle-loaded', detail: { digest: after } },
  ]);
  const decided = (await stack.records()).flatMap((record) =>
    record.kind === 'intent' || record.kind === 'request' ? [record.decision?.bundle] : [],
  );
  t.strictSame(decided, [before, after], 'each decision names the bundle that made it');
});

t.test('what is wrong is told with file and line, and the bundle before stays in force', async (t) => {
  await mounted.show('..v1');
  await until(async () => (await stack.mint(32)).status === 201, 'the first bundle to be back');
  const inForce = await digestOf(stack);
  const automation = await mounted.read('..v1', 'policies/automation.cedar');
  const faults: [string, Record<string, string>, RegExp][] = [
    [
      'does not parse',
      { 'policies/automation.cedar': `${automation}\npermit (` },
      /^policies\/automation\.cedar:\d+:\d+: /,
    ],
    [
      'an id stands twice',
      {
        'policies/more.cedar': '@id("automation-mints-for-its-users") forbid (principal, action, resource);',
      },
      /^policies\/more\.cedar:1:1: .*taken by the policy at policies\/automation\.cedar/,
    ],
    [
      'a case fails',
      {
        'tests/deny/never.json': '{"as":"demo:nobody","admin":32}',
        'tests/allow/never.json': '{"as":"demo:nobody","admin":32}',
      },
      /^tests\/allow\/never\.json:1:1: the case expects allow, and the request is refused, no-permit/,
    ],
    [
      'it needs what is not there yet',
      { 'policies/automation.cedar': automation.replace('@id("callers', '@quota("5 per 1h") @id("callers') },
      /^policies\/automation\.cedar:\d+:1: @quota is not enforced by this version/,
    ],
    ['no issuers', { 'issuers.yaml': 'issuers: 1\n' }, /^issuers\.yaml:1:1: /],
  ];
  for (const [name, files, expected] of faults) {
    await rm(join(mounted.folder, '..v3'), { recursive: true });
    await cp(join(mounted.folder, '..v1'), join(mounted.folder, '..v3'), { recursive: true });
    for (const folder of ['tests/allow', 'tests/deny'])
      await mkdir(join(mounted.folder, '..v3', folder), { recursive: true });
    for (const [file, text] of Object.entries(files)) await mounted.write('..v3', file, text);
    await mounted.show('..v3');
    await until(async () => (await details(stack)).parts.policy === 'degraded', `${name}: /readyz to tell`);
    const { status, details: told } = await details(stack);
    t.equal(status, 'degraded', name);
    t.match(told.policy.faults[0], expected, name);
    t.equal(told.policy.digest, inForce, name);
    t.match(await metrics(stack), /^lmtb_policy_up_to_date 0$/m, name);
    t.equal((await stack.mint(32)).status, 201, `${name}: decided as before`);
    t.match(await stack.log(), 'the policy bundle has faults and is not taken; the one before stays');
    await mounted.show('..v1');
    await until(async () => (await details(stack)).status === 'ready', `${name}: /readyz to say ready again`);
    t.match(await metrics(stack), /^lmtb_policy_up_to_date 1$/m, name);
  }
  const refused = (await bundleRecords(stack)).filter(({ event }) => event === 'bundle-refused');
  t.equal(refused.length, faults.length, 'each is on record once, however often the files are looked at');
});

t.test('SIGHUP looks at once, and callers of an issuer that is gone are nobody', async () => {
  const issuers = await mounted.read('..v1', 'issuers.yaml');
  await rm(join(mounted.folder, '..v3'), { recursive: true });
  await cp(join(mounted.folder, '..v1'), join(mounted.folder, '..v3'), { recursive: true });
  await mounted.write('..v3', 'issuers.yaml', issuers.replace(/issuer: .*/, 'issuer: https://other.example'));
  await mounted.show('..v3');
  stack.broker.signal('SIGHUP');
  await until(async () => (await stack.mint(32)).status === 401, 'the token to be worth nothing');
  await mounted.show('..v1');
  stack.broker.signal('SIGHUP');
  await until(async () => (await stack.mint(32)).status === 201, 'the token to be good again');
});

t.test('while bundles are swapped every decision is made by one of them alone', async (t) => {
  // Each forbids one admin, by its own schema: a mix of the two would not even be valid.
  for (const [version, admin] of [
    ['..v2', 33],
    ['..v3', 32],
  ] as const) {
    await rm(join(mounted.folder, version), { recursive: true });
    await cp(join(mounted.folder, '..v1'), join(mounted.folder, version), { recursive: true });
    const schema = await mounted.read('..v1', 'schema.cedarschema');
    await mounted.write(
      version,
      'schema.cedarschema',
      schema.replace('type Claims = {', `type Claims = {\n  only${admin}?: String,`),
    );
    await mounted.write(
      version,
      'policies/one.cedar',
      `@id("not-${admin}") forbid (principal, action, resource == Admin::"${admin}") unless { context.claims has only${admin} };`,
    );
  }
  const digests = new Map<string, number>();
  for (const [version, admin] of [
    ['..v2', 33],
    ['..v3', 32],
  ] as const) {
    const was = await digestOf(stack);
    await mounted.show(version);
    await until(async () => (await digestOf(stack)) !== was, `${version} to be in force`);
    digests.set(await digestOf(stack), admin);
  }
  let on = true;
  const swapping = (async () => {
    for (let n = 0; on; n++) {
      await mounted.show(n % 2 === 0 ? '..v2' : '..v3');
      stack.broker.signal('SIGHUP');
      const shown = n % 2 === 0 ? 33 : 32;
      await until(async () => digests.get(await digestOf(stack)) === shown, 'the swap');
    }
  })();
  const seen = new Set<string>();
  while (seen.size < 2 || digests.size < 2) {
    const answers = await Promise.all([32, 33, 32, 33].map((admin) => stack.dryRun(admin, { reason: 'x' })));
    for (const { status } of answers) t.equal(status, 200);
    for (const record of (await stack.records()).slice(-40)) {
      if (record.kind !== 'request' || record.decision === null) continue;
      const forbidden = digests.get(record.decision.bundle);
      if (forbidden === undefined) continue;
      seen.add(record.decision.bundle);
      t.equal(record.decision.allow, record.adminId !== forbidden);
    }
  }
  on = false;
  await swapping;
});
