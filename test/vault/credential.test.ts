import { inspect } from 'node:util';
import t from 'tap';
import { randomPair, startOpenBao } from '../support/openbao.ts';
import { SkippingClock } from './clock.ts';
import { fakeVault, granted, type Reply, secret } from './fake-vault.ts';
import { openSource, outcome, rendered, settingsAt, settingsFor, soon } from './parts.ts';

const MINUTE = 60_000;

t.test('the pair is read with least rights, and its key is a KeyObject', async (t) => {
  const bao = await startOpenBao(t);
  const { source, events } = openSource(t, settingsFor(bao));
  t.strictSame(source.state(), { ok: false, version: null, ageMs: null, fault: null, everHad: false });
  await source.start();
  const pair = await source.current(soon());
  t.equal(pair.accessId, bao.pair.accessId);
  t.equal(pair.key.export().toString(), bao.pair.accessKey);
  t.equal(pair.version, 1);
  t.match(source.state(), { ok: true, version: 1, fault: null, everHad: true });
  t.notMatch(rendered([pair, source, events.lines]), bao.pair.accessKey);

  t.equal(await source.reread(soon()), pair, 'what has not changed stays the same object');
  t.equal(events.lines.length, 1, 'and is not told again');

  await bao.kv.write(randomPair());
  t.equal(await source.current(soon()), pair);
  const [one, other] = await Promise.all([source.reread(soon()), source.reread(soon())]);
  t.equal(one.version, 2, 'a rotated secret takes over');
  t.equal(one, other);
  t.equal(await source.current(soon()), one);
});

t.test('a secret that is deleted stops the pair in memory and heals by undelete', async (t) => {
  const bao = await startOpenBao(t);
  const second = randomPair();
  await bao.kv.write(second);
  await bao.kv.write(randomPair());
  const clock = new SkippingClock();
  const settings = { ...settingsFor(bao), rereadEveryMs: 30_000 };
  const { source, events } = openSource(t, settings, { clock });
  await source.start();
  t.equal((await source.current(soon(clock))).version, 3);

  await bao.kv.deleteNewest();
  clock.skip(30_000);
  await source.reread(soon(clock)).catch(() => {});
  t.equal(await outcome(source.current(soon(clock))), 'credential-misconfigured version-deleted');
  t.match(source.state(), { ok: false, version: null, fault: 'version-deleted', everHad: true });
  for (let i = 0; i < 5; i++) await outcome(source.reread(soon(clock)));
  t.strictSame(events.reasons(), ['version-deleted'], 'the operator is told once');

  await bao.kv.undelete(3);
  clock.skip(1_000);
  t.equal((await source.current(soon(clock))).version, 3);
});

t.test('a process that was frozen asks Vault before it serves what it has in memory', async (t) => {
  const bao = await startOpenBao(t);
  const clock = new SkippingClock();
  const { source } = openSource(t, { ...settingsFor(bao), rereadEveryMs: 30_000 }, { clock });
  await source.reread(soon(clock)); // not started: its timer runs no more than in a frozen process
  await bao.kv.deleteNewest();
  t.equal((await source.current(soon(clock))).version, 1);
  clock.skip(60_000);
  t.equal(await outcome(source.current(soon(clock))), 'credential-misconfigured version-deleted');
});

t.test('Vault going down leaves neither its token nor what was sent in any line', async (t) => {
  const vault = await fakeVault(t, ({ path }) => {
    if (path.endsWith('/login')) return granted('issued-token', 3_600);
    return vault.to('/lm').length === 1 ? secret({ id: 'the-id', key: 'the-key' }) : undefined;
  });
  const { source, events } = openSource(t, settingsAt(vault.address));
  await source.start();
  const problem = await source.reread(soon()).catch((thrown: unknown) => thrown);
  t.match(problem, { problem: 'vault-unavailable' });
  t.match(events.lines.at(-1), { detail: { reason: 'vault-unreachable', servingVersion: 1 } });
  for (const thing of [problem, events.lines, source, source.state()]) {
    t.notMatch(rendered(thing), /issued-token|the-secret-id|the-id|the-key/);
  }
});

t.test('a secret that is of no use is told apart for the operator, and never used', async (t) => {
  const bao = await startOpenBao(t);
  const { source, events } = openSource(t, settingsFor(bao));
  await source.start();
  const { accessId, accessKey } = bao.kv.fields;
  const unfit: [string, Record<string, unknown>][] = [
    ['field-missing', { [accessId]: 'id' }],
    ['field-missing', { [accessKey]: 'secret-key' }],
    ['field-unfit', { [accessId]: 'id', [accessKey]: 'secret-key\n' }],
    ['field-unfit', { [accessId]: 'id', [accessKey]: '' }],
    ['field-unfit', { [accessId]: 'id', [accessKey]: 'secret\u200bkey' }],
    ['field-unfit', { [accessId]: 'id', [accessKey]: 5 }],
    ['field-unfit', { [accessId]: 'id', [accessKey]: null }],
    ['field-unfit', { [accessId]: 'i:d', [accessKey]: 'secret-key' }],
    ['field-unfit', { [accessId]: 'ïd', [accessKey]: 'secret-key' }],
  ];
  for (const [reason, fields] of unfit) {
    await bao.kv.writeFields(fields);
    t.equal(await outcome(source.reread(soon())), `credential-misconfigured ${reason}`, inspect(fields));
    t.equal(source.state().version, null);
  }
  t.notMatch(rendered(events.lines), /secret-key/);
  t.match(events.lines.at(-1), { detail: { reason: 'field-unfit', mount: 'secret' } });

  const version = await bao.kv.writeFields({ [accessId]: 'id', [accessKey]: 'H_D9i(f5~B^é{)P+' });
  t.equal((await source.reread(soon())).version, version);
  await bao.server.api('POST', `secret/destroy/${bao.kv.path}`, { versions: [version] });
  t.equal(await outcome(source.reread(soon())), 'credential-misconfigured version-destroyed');
  await bao.kv.destroy();
  t.equal(await outcome(source.reread(soon())), 'credential-misconfigured secret-absent');
});

t.test('a path that was never written, and a mount that is not KV v2, are named', async (t) => {
  const bao = await startOpenBao(t);
  const { api } = bao.server;
  const settings = settingsFor(bao);
  await api('POST', 'sys/mounts/old', { type: 'kv', options: { version: '1' } });
  await api('POST', 'old/data/lm', { access_id: 'a', access_key: 'b' });
  await bao.brokerPolicy.set('path "*" { capabilities = ["read"] }');
  const at = async (mount: string, path: string, namespace?: string) => {
    const kv = { ...settings.kv, mount, path };
    return outcome(openSource(t, { ...settings, kv, namespace }).source.reread(soon()));
  };
  t.equal(await at('secret', 'never/written'), 'credential-misconfigured secret-absent');
  t.equal(await at('old', 'lm'), 'credential-misconfigured not-kv-v2');
  t.equal(await at('old', 'never'), 'credential-misconfigured not-kv-v2');
  t.equal(await at('cubbyhole', 'lm'), 'credential-misconfigured not-kv-v2');
  t.equal(await at('no/mount', 'lm'), 'credential-misconfigured mount-absent');
  t.equal(await at('secret', 'lm', 'no-namespace'), 'vault-denied vault-login-refused');
});

t.test('while Vault is away the pair serves for its time and no longer', async (t) => {
  const bao = await startOpenBao(t, {}, { keepData: true });
  const clock = new SkippingClock();
  const { source, events } = openSource(t, settingsFor(bao), { clock });
  await source.start();
  const pair = await source.current(soon(clock));

  await bao.server.seal();
  t.equal(await outcome(source.reread(soon(clock))), 'vault-unavailable vault-sealed');
  t.equal(await source.current(soon(clock)), pair);
  t.match(source.state(), { ok: false, version: 1, fault: 'vault-sealed' });
  await bao.server.stop();
  t.equal(await outcome(source.reread(soon(clock))), 'vault-unavailable vault-unreachable');
  clock.skip(14 * MINUTE);
  t.equal(await source.current(soon(clock)), pair);
  clock.skip(MINUTE);
  t.equal(await outcome(source.current(soon(clock))), 'vault-unavailable vault-unreachable');
  const problem = await source.current(soon(clock)).catch((thrown: unknown) => thrown);
  t.match(problem, { status: 503, retryAfterS: 5 });
  t.equal(source.state().version, null);
  t.strictSame(events.reasons(), ['vault-sealed', 'vault-unreachable', 'vault-unreachable']);
  const secrets = [bao.secretId, bao.pair.accessKey, bao.pair.accessId];
  for (const text of secrets) t.notOk(rendered([problem, events.lines]).includes(text));

  await bao.server.start();
  clock.skip(1_000);
  t.match(await source.current(soon(clock)), { version: 1 }, 'and again when Vault is back');
});

t.test('a start without Vault is healed by the timer alone', async (t) => {
  const bao = await startOpenBao(t);
  await bao.server.seal();
  const clock = new SkippingClock();
  const { source, events } = openSource(t, settingsFor(bao), { clock });
  await source.start();
  t.match(source.state(), { ok: false, fault: 'vault-sealed', everHad: false });
  t.ok(clock.nextTimerMs() <= 1_000, 'the next try is near while there is nothing to serve');
  await bao.server.unseal();
  const read = new Promise<void>((resolve) => {
    events.info = () => resolve();
  });
  clock.skip(1_000);
  await read;
  t.match(source.state(), { ok: true, version: 1, everHad: true });
});

t.test('a Vault that hangs costs a caller its own deadline at most', async (t) => {
  const vault = await fakeVault(t, () => new Promise<Reply>(() => {}));
  const { source } = openSource(t, settingsAt(vault.address, { timeoutMs: 300 }));
  const startedAt = performance.now();
  t.equal(await outcome(source.current(soon(undefined, 50))), 'vault-unavailable vault-request-deadline');
  t.ok(performance.now() - startedAt < 290);
  t.equal(await outcome(source.current(soon())), 'vault-unavailable vault-timeout');
  t.ok(performance.now() - startedAt < 1_000, 'and timeoutMs when that is shorter');
});

t.test(
  'a revoked token is replaced; a right that is taken away drops the pair until it is back',
  async (t) => {
    const bao = await startOpenBao(t);
    const clock = new SkippingClock();
    const { source, events } = openSource(t, settingsFor(bao), { clock });
    await source.start();
    const pair = await source.current(soon(clock));

    await bao.revokeBrokerTokens();
    t.equal(await source.reread(soon(clock)), pair, 'one fresh login heals a revoked token');
    await bao.revokeBrokerTokens();
    t.equal(await source.reread(soon(clock)), pair, 'and the next one too');

    await bao.brokerPolicy.set('');
    t.equal(await outcome(source.reread(soon(clock))), 'vault-denied vault-denied');
    t.equal(await outcome(source.current(soon(clock))), 'vault-denied vault-denied');
    t.equal(source.state().version, null);
    await bao.brokerPolicy.restore();
    clock.skip(1_000);
    t.match(await source.current(soon(clock)), { version: 1 });

    clock.skip(60_000);
    await bao.refuseLogin();
    await bao.revokeBrokerTokens();
    t.equal(await outcome(source.reread(soon(clock))), 'vault-denied vault-login-refused');
    t.strictSame(events.reasons(), ['vault-denied', 'vault-login-refused']);
    t.notMatch(rendered(events.lines), bao.secretId);
  },
);

t.test('a policy that a role gains after the login takes one fresh login', async (t) => {
  const bao = await startOpenBao(t);
  const role = 'auth/approle/role/lm-token-broker';
  await bao.server.api('POST', role, { token_policies: ['default'] });
  const clock = new SkippingClock();
  const { source } = openSource(t, settingsFor(bao), { clock });
  await source.start();
  t.equal(source.state().fault, 'vault-denied');
  await bao.server.api('POST', role, { token_policies: [bao.brokerPolicy.name] });
  clock.skip(60_000);
  const pairs = await Promise.all(Array.from({ length: 50 }, () => source.current(soon(clock))));
  t.equal(new Set(pairs).size, 1);
  t.equal(pairs[0]?.version, 1);
});

t.test('stop revokes the token that a login gave, and the pair in memory serves on', async (t) => {
  const bao = await startOpenBao(t);
  const { source } = openSource(t, settingsFor(bao));
  await source.start();
  const accessors = async () => JSON.stringify(await bao.server.api('LIST', 'auth/token/accessors'));
  const before = await accessors();
  await source.stop();
  t.ok((await accessors()).length < before.length);
  t.equal((await source.current(soon())).version, 1);
  t.match(await outcome(source.reread(soon())), /^vault-unavailable /);
});
