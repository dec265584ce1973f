import t, { type Test } from 'tap';
import { Authority, CLIENT_AUTH, type Issued, SERVER_AUTH, type Wishes } from '../support/certificates.ts';
import { until } from '../support/stack.ts';
import { isProblem, logLine, recordsOf } from './seen.ts';
import { type Caller, type Sending, startTlsStack } from './tls-stack.ts';

const SPIFFE_ID = 'spiffe://prod.example/ci/runner';
const SUBJECT = 'CN=nightly,O=Example\\, Inc.';
const stack = await startTlsStack(t, [SPIFFE_ID, SUBJECT]);
const { clientCa } = stack;
const jwt = [['Authorization', `Bearer ${stack.callerJwt}`]] as const;
const DAY_MS = 86_400_000;

/** A certificate of the caller that policy allows. */
const runner = (wishes: Wishes = {}, ca = clientCa): Issued => ca.issue({ uris: [SPIFFE_ID], ...wishes });

/** Checks that a caller is told 401, and the operator why. */
async function isRefused(t: Test, caller: Caller, reason: string, headers = {}): Promise<void> {
  const answer = await caller.mint(Object.entries(headers));
  const requestId = isProblem(t, answer, 'unauthenticated');
  t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="lm-token-broker"');
  t.equal((await logLine(stack, requestId))['operatorReason'], reason);
}

/** Asks again and again, each time over a new connection (a 401 may end one), until the answer has this status. */
async function untilAnswered(certificate: Sending, status: number): Promise<void> {
  const ask = async () => (await (await stack.open(certificate)).mint()).status;
  await until(async () => (await ask()) === status, `an answer ${status}`);
}

t.test('a client certificate alone is a caller: by its SPIFFE ID, else by its subject', async (t) => {
  const named = clientCa.issue({
    subject: [
      ['O', 'Example, Inc.'],
      ['CN', 'nightly'],
    ],
  });
  for (const [certificate, subject] of [
    [runner(), SPIFFE_ID],
    [named, SUBJECT],
  ] as const) {
    const answer = await (await stack.open(certificate)).mint();
    t.equal(answer.status, 201);
    const [intent] = await recordsOf(stack, answer.headers.get('x-request-id') ?? '');
    t.match(intent, {
      kind: 'intent',
      principal: { alias: 'mtls', issuer: 'mtls', subject, authenticatedBy: 'mtls' },
      decision: { input: { certificate: subject } },
    });
  }
  const stranger = await stack.open(clientCa.issue({ uris: ['spiffe://prod.example/other'] }));
  t.equal(isProblem(t, await stranger.mint(), 'policy-denied').length, 26, 'known, and not allowed');
});

t.test('a JWT needs no certificate, and is the caller beside one, which policy and audit see', async (t) => {
  t.equal((await (await stack.open()).mint(jwt)).status, 201);
  const answer = await (await stack.open(runner())).mint(jwt);
  t.equal(answer.status, 201);
  const [intent] = await recordsOf(stack, answer.headers.get('x-request-id') ?? '');
  t.match(intent, {
    principal: { alias: 'demo', authenticatedBy: 'jwt' },
    decision: { input: { certificate: SPIFFE_ID } },
  });
  await isRefused(t, await stack.open(), 'no-credentials');
  await isRefused(t, await stack.open(runner()), 'not-bearer', { Authorization: 'Basic dTpw' });
});

t.test(
  'a certificate that is not good is 401, also beside a good JWT; health is told to anybody',
  async (t) => {
    const now = Date.now();
    const foreign = Authority.root('client CA');
    const rows: [name: string, certificate: Issued, reason: string][] = [
      ['expired', runner({ notAfter: new Date(now - 1000) }), 'certificate-expired'],
      ['not yet valid', runner({ notBefore: new Date(now + 60_000) }), 'certificate-not-yet-valid'],
      ['of a foreign CA by the same name', runner({}, foreign), 'certificate-untrusted'],
      [
        'signed by itself',
        Authority.root('self', { ca: false, uris: [SPIFFE_ID] }).certificate,
        'certificate-untrusted',
      ],
      ['a CA', clientCa.authority('intermediate', { uris: [SPIFFE_ID] }).certificate, 'certificate-unfit'],
      ['the CA itself', { ...clientCa.certificate }, 'certificate-unfit'],
      [
        'one that may sign certificates',
        runner({ keyUsage: ['digitalSignature', 'keyCertSign'] }),
        'certificate-unfit',
      ],
      ['of several URIs', runner({ uris: [SPIFFE_ID, 'https://prod.example'] }), 'certificate-unfit'],
      ['for servers', runner({ purposes: [SERVER_AUTH] }), 'certificate-unfit'],
      ['for any purpose but by name', runner({ purposes: ['2.5.29.37.0'] }), 'certificate-unfit'],
    ];
    for (const [name, certificate, reason] of rows) {
      await t.test(name, async (t) => {
        const caller = await stack.open(certificate);
        t.equal((await caller.get('/healthz')).status, 200);
        t.equal((await caller.get('/readyz')).status, 200);
        await isRefused(t, caller, reason);
        await isRefused(t, await stack.open(certificate), reason, Object.fromEntries(jwt));
      });
    }
    const several = runner({ purposes: [SERVER_AUTH, CLIENT_AUTH] });
    t.equal((await (await stack.open(several)).mint()).status, 201, 'for servers and clients');
  },
);

t.test(
  'a certificate that is revoked is 401 on the connection that is open, and on sessions resumed',
  async (t) => {
    const intermediate = clientCa.authority('issuing CA');
    const good = clientCa.revocations([]) + intermediate.revocations([]);
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const certificate = { ...runner({}, intermediate), sent: [intermediate.certificate] };
      await stack.swap({ crl: good });
      await untilAnswered(certificate, 201);
      const kept = await stack.open(certificate, { maxVersion });
      t.equal((await kept.mint()).status, 201);
      await until(() => kept.sessions.length > 0, 'a session to resume');
      const session = kept.sessions.at(-1);
      const resume = async () => {
        const caller = await stack.open(certificate, { maxVersion, ...(session && { session }) });
        t.ok(caller.socket.isSessionReused(), `${maxVersion}: resumed`);
        return caller;
      };
      t.equal((await (await resume()).mint()).status, 201, 'though a resumed session brings no intermediate');

      await stack.swap({ crl: clientCa.revocations([]) + intermediate.revocations([certificate]) });
      await untilAnswered(certificate, 401);
      await isRefused(t, kept, 'certificate-revoked');
      await isRefused(t, await resume(), 'certificate-revoked');
      await isRefused(t, await stack.open(certificate, { maxVersion }), 'certificate-revoked');
    }
    const late = { ...runner({}, intermediate), sent: [intermediate.certificate] };
    await untilAnswered(late, 201);
    const kept = await stack.open(late);
    t.equal((await kept.mint()).status, 201);
    await stack.swap({
      crl: clientCa.revocations([intermediate.certificate]) + intermediate.revocations([]),
    });
    await untilAnswered(late, 401);
    await isRefused(t, kept, 'certificate-revoked');
    await stack.swap({ crl: clientCa.revocations([]) });
    await untilAnswered(runner(), 201);
  },
);

t.test('a certificate that expires is 401 from then on, also on a session resumed', async (t) => {
  const soon = runner({ notAfter: new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000) });
  const kept = await stack.open(soon);
  t.equal((await kept.mint()).status, 201);
  await until(() => kept.sessions.length > 0, 'a session to resume');
  const session = kept.sessions.at(-1);
  await untilAnswered(soon, 401);
  await isRefused(t, kept, 'certificate-expired');
  const resumed = await stack.open(soon, { ...(session && { session }) });
  t.ok(resumed.socket.isSessionReused());
  await isRefused(t, resumed, 'certificate-expired');
});

t.test('the CAs are those of the file of now, for connections that are open too', async (t) => {
  const next = Authority.root('next client CA');
  const [ofOld, ofNext] = [runner(), runner({}, next)];
  const kept = await stack.open(ofOld);
  t.equal((await kept.mint()).status, 201);
  await isRefused(t, await stack.open(ofNext), 'certificate-untrusted');
  await stack.swap({ ca: next.pem, crl: next.revocations([]) });
  await untilAnswered(ofNext, 201);
  await isRefused(t, kept, 'certificate-untrusted');

  const third = Authority.root('third client CA');
  const lists = next.revocations([]) + third.revocations([]);
  await stack.swap({ ca: next.pem + clientCa.pem + third.pem, crl: lists });
  await untilAnswered(runner({}, third), 201);
  t.equal((await (await stack.open(ofNext)).mint()).status, 201);
  await isRefused(t, await stack.open(ofOld), 'certificate-status-unknown');
  await stack.swap({ ca: clientCa.pem, crl: clientCa.revocations([]) });
  await untilAnswered(ofOld, 201);
});

t.test('a revocation list whose time is over vouches for nobody', async (t) => {
  const certificate = runner();
  const kept = await stack.open(certificate);
  t.equal((await kept.mint()).status, 201);
  await stack.swap({ crl: clientCa.revocations([], { nextUpdate: new Date(Date.now() - DAY_MS / 2) }) });
  await untilAnswered(certificate, 401);
  await isRefused(t, kept, 'certificate-status-unknown');
  await stack.swap({ crl: clientCa.revocations([]) });
  await untilAnswered(certificate, 201);
});

t.test('CAs and lists that cannot be taken leave the ones before, and are told once', async (t) => {
  const caller = await stack.open(runner());
  t.equal((await caller.mint()).status, 201);
  const warnings = async () =>
    (await stack.log()).split('\n').filter((line) => line.includes('TLS files cannot be taken'));
  const before = (await warnings()).length;
  for (const [change, reason] of [
    [
      { crl: Authority.root('client CA').revocations([]) },
      /TLS_CLIENT_CRL_FILE .* of CN=client CA that this CA has not signed/,
    ],
    [{ crl: 'nothing' }, /TLS_CLIENT_CRL_FILE .* no revocation list/],
    [
      { ca: runner().pem, crl: clientCa.revocations([]) },
      /TLS_CLIENT_CA_FILE .* CN=client, which is not a CA/,
    ],
    [{ ca: '' }, /TLS_CLIENT_CA_FILE .* no certificate/],
  ] as const) {
    const known = (await warnings()).length;
    await stack.swap(change);
    await until(async () => (await warnings()).length > known, 'the warning');
    t.match((await warnings()).at(-1), reason);
    t.equal((await caller.mint()).status, 201, 'the ones before serve on');
  }
  t.equal((await warnings()).length, before + 4);
  await stack.swap({ ca: clientCa.pem });
});
