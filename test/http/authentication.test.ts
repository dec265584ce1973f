import { createHmac, createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { startBroker } from '../../demo/broker.ts';
import { writeBundle } from '../../demo/bundle.ts';
import { provisionAudience, provisionCaller } from '../../demo/openbao/callers.ts';
import { freePort } from '../../demo/openbao/process.ts';
import { readRecords } from '../../src/audit/read.ts';
import { systemClock } from '../../src/mint/clock.ts';
import { claimsOf, ecKey, jws, startIssuer } from '../identity/issuer.ts';
import { type Answer, startStack, until } from '../support/stack.ts';
import { ask } from './connection.ts';
import { logLine } from './seen.ts';

const stack = await startStack(t);
const { vault, callerJwt } = stack;
const [headerPart = '', claimsPart = '', signaturePart = ''] = callerJwt.split('.');
const partsOf = z.record(z.string(), z.unknown());
const parsed = (part: string) => partsOf.parse(JSON.parse(Buffer.from(part, 'base64url').toString()));
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = parsed(headerPart);
const claims = parsed(claimsPart);
/** The key that the issuer publishes and that `callerJwt` is signed with. */
const published = await publishedKey();
const stranger = ecKey();

async function publishedKey() {
  const set = z.object({ keys: z.array(z.looseObject({ kid: z.string() })) });
  const { keys } = set.parse(await (await fetch(`${vault.issuer}/.well-known/keys`)).json());
  const jwk = keys.find(({ kid }) => kid === header['kid']);
  if (jwk === undefined) throw new Error('the issuer does not publish the key of the caller’s token');
  const key: KeyObject = createPublicKey({ key: jwk, format: 'jwk' });
  return { jwk, pem: key.export({ type: 'spki', format: 'pem' }) };
}

/** A token whose HMAC is keyed with something that everybody knows. */
function hmacSigned(secret: string | Buffer): string {
  const input = `${encoded({ ...header, alg: 'HS256' })}.${claimsPart}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

function post(url: string, authorization: string | undefined): Promise<Answer> {
  return ask(t, url, {
    path: '/admins/32/tokens',
    headers: [
      ...(authorization === undefined ? [] : [['Authorization', authorization] as const]),
      ['Content-Type', 'application/json'],
    ],
    body: '{}',
  });
}

/** Checks a 401 and gives its request id. */
function isUnauthenticated(t: Pick<Tap, 'equal' | 'match' | 'notOk'>, answer: Answer, name: string): string {
  const requestId = answer.headers.get('x-request-id') ?? '';
  t.equal(answer.status, 401, name);
  t.match(answer.body, { type: '/problems/unauthenticated', status: 401, detail: String, requestId }, name);
  t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="lm-token-broker"', name);
  t.notOk('reason' in answer.body, `${name}: the code is for the operator`);
  return requestId;
}
type Tap = typeof t;

t.test(
  'a caller without a token that the issuer signed for this broker is 401, and LogicMonitor hears nothing',
  async (t) => {
    await provisionAudience(vault.server, 'elsewhere', 'elsewhere', 600);
    const visitor = await provisionCaller(vault.server, 'elsewhere', 'visitor');
    const signed = (more: object, alg = 'ES256') =>
      jws({ ...header, alg, ...more }, claims, stranger.privateKey, alg);
    const rows: [name: string, authorization: string | undefined, operatorReason: string][] = [
      ['none', undefined, 'no-credentials'],
      ['empty', '', 'not-bearer'],
      ['another scheme', 'Basic dTpw', 'not-bearer'],
      ['no scheme', callerJwt, 'not-bearer'],
      ['garbage', 'Bearer garbage', 'token-malformed'],
      ['three dots', 'Bearer a.b.c', 'token-malformed'],
      ['five parts, a JWE', `Bearer ${callerJwt}.x.y`, 'token-malformed'],
      [
        'alg none, no signature',
        `Bearer ${encoded({ ...header, alg: 'none' })}.${claimsPart}.`,
        'token-malformed',
      ],
      [
        'alg none',
        `Bearer ${encoded({ ...header, alg: 'none' })}.${claimsPart}.${signaturePart}`,
        'algorithm-not-allowed',
      ],
      [
        'HS256 keyed with the public PEM',
        `Bearer ${hmacSigned(Buffer.from(published.pem))}`,
        'algorithm-not-allowed',
      ],
      [
        'HS256 keyed with the JWK',
        `Bearer ${hmacSigned(JSON.stringify(published.jwk))}`,
        'algorithm-not-allowed',
      ],
      ['a signature of another algorithm', `Bearer ${signed({}, 'ES384')}`, 'algorithm-not-allowed'],
      ['a stranger’s signature under the issuer’s key id', `Bearer ${signed({})}`, 'signature-invalid'],
      ['a key that came along', `Bearer ${signed({ jwk: stranger.jwk })}`, 'signature-invalid'],
      ['a key id that nobody publishes', `Bearer ${signed({ kid: 'x' })}`, 'key-unknown'],
      ['critical extensions', `Bearer ${signed({ crit: ['b64'], b64: false })}`, 'header-unfit'],
      [
        'claims that were changed',
        `Bearer ${headerPart}.${encoded({ ...claims, sub: 'admin' })}.${signaturePart}`,
        'signature-invalid',
      ],
      [
        'another issuer',
        `Bearer ${jws(header, { ...claims, iss: 'https://x.example' }, stranger.privateKey, 'ES256')}`,
        'issuer-unknown',
      ],
      ['another audience of the same issuer', `Bearer ${await visitor.mintJwt()}`, 'key-unknown'],
      ['13 kB', `Bearer ${'x'.repeat(13_000)}`, 'token-too-large'],
    ];
    for (const [name, authorization, operatorReason] of rows) {
      const requestId = isUnauthenticated(t, await post(stack.broker.url, authorization), name);
      const line = await logLine(stack, requestId);
      t.match(line, { outcome: 'unauthenticated', status: 401, operatorReason, principal: undefined }, name);
    }
    t.notOk(stack.simulator.requests().some(({ method }) => method === 'POST'));
    t.equal((await post(stack.broker.url, `Bearer ${callerJwt}`)).status, 201, 'while the real one is taken');
  },
);

/** A second broker beside the first, with callers of another issuer. */
async function brokerFor(t: Pick<Tap, 'testdir' | 'teardown'>, issuer: string) {
  const folder = t.testdir();
  const policyDir = join(folder, 'policy');
  const auditDir = join(folder, 'audit');
  await writeBundle(policyDir, { issuer, audience: vault.audience, subject: 'robot-17' });
  const broker = await startBroker(
    { ...stack.settings, POLICY_DIR: policyDir, AUDIT_DIR: auditDir },
    join(folder, 'broker.log'),
  );
  t.teardown(() => broker.stop());
  return { broker, records: () => readRecords(join(auditDir, 'audit.jsonl')) };
}

t.test('a token outside its time, for others, or for nobody is 401', async (t) => {
  const issuer = await startIssuer(t);
  const key = ecKey({ kid: 'k' });
  issuer.keys = [key.jwk];
  const { broker, records } = await brokerFor(t, issuer.url);
  const now = Math.floor(Date.now() / 1000);
  const token = (more: object) =>
    jws(
      { alg: 'ES256', kid: 'k' },
      claimsOf(issuer.url, systemClock, { aud: vault.audience, ...more }),
      key.privateKey,
      'ES256',
    );
  const rows = {
    expired: token({ iat: now - 600, exp: now - 120 }),
    'too-old': token({ iat: now - 13 * 3600, exp: now + 600 }),
    'not-yet-valid': token({ nbf: now + 120 }),
    'audience-wrong': token({ aud: ['elsewhere', `${vault.audience}.evil`] }),
    'subject-unfit': token({ sub: '' }),
    'claims-malformed': token({ exp: undefined }),
  };
  for (const [name, jwt] of Object.entries(rows))
    isUnauthenticated(t, await post(broker.url, `Bearer ${jwt}`), name);
  await until(
    async () => (await post(broker.url, `Bearer ${token({})}`)).status === 201,
    'the good one to be taken',
  );
  await broker.stop();
  const refusals = (await records()).filter((record) => record.kind === 'refusals');
  const samples = refusals.flatMap((record) => record.samples);
  t.strictSame(
    samples.filter(({ cause }) => cause === 'unauthenticated').map(({ detail }) => detail),
    Object.keys(rows),
  );
});

t.test(
  'when the keys of the issuer cannot be had, a caller is told to come again, not that it is unknown',
  async (t) => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    const { broker, records } = await brokerFor(t, issuer);
    const jwt = jws(
      { alg: 'ES256', kid: 'k' },
      claimsOf(issuer, systemClock, { aud: vault.audience }),
      stranger.privateKey,
      'ES256',
    );
    const { status, headers, body } = await post(broker.url, `Bearer ${jwt}`);
    t.equal(status, 503);
    t.equal(body.type, '/problems/identity-provider-unavailable');
    t.match(headers.get('retry-after'), /^[1-9][0-9]*$/);
    t.equal(headers.get('www-authenticate'), null);
    isUnauthenticated(
      t,
      await post(broker.url, `Bearer ${callerJwt}`),
      'another issuer’s token needs no keys to be refused',
    );
    await broker.stop();
    const refusals = (await records()).filter((record) => record.kind === 'refusals');
    t.match(refusals, [
      {
        counts: [
          { cause: 'identity-provider-unavailable', count: 1 },
          { cause: 'unauthenticated', count: 1 },
        ],
        samples: [{ requestId: body.requestId, detail: 'ECONNREFUSED' }, {}],
      },
    ]);
  },
);

t.test('while the issuer is down its keys serve on, and made-up key ids change nothing', async (t) => {
  const fresh = await vault.callers.allowed.mintJwt();
  await vault.server.stop();
  isUnauthenticated(
    t,
    await post(
      stack.broker.url,
      `Bearer ${jws({ ...header, kid: 'y' }, claims, stranger.privateKey, 'ES256')}`,
    ),
    'a made-up key id',
  );
  t.equal((await post(stack.broker.url, `Bearer ${fresh}`)).status, 201, 'a token that was not seen before');
});

t.test('no token that came is kept, in the log or in the audit', async (t) => {
  await stack.broker.stop();
  const kept = JSON.stringify(await stack.records()) + (await stack.log());
  for (const part of [claimsPart, signaturePart, headerPart]) t.notOk(kept.includes(part));
});
