import t from 'tap';
import type { Issuer } from '../../src/identity/issuers.ts';
import { Deadline } from '../../src/mint/clock.ts';
import {
  AUDIENCE,
  claimsOf,
  ecKey,
  edKey,
  entryFor,
  identityOfAll,
  jws,
  rsaKey,
  startIssuer,
  type TestKey,
} from './issuer.ts';

interface Given {
  readonly path?: string;
  readonly entry?: Partial<Issuer>;
  readonly keys: readonly unknown[];
  readonly header: Record<string, unknown>;
  readonly signer: TestKey | undefined;
}
type Test = { teardown(handler: () => unknown): unknown };
type ClaimsAt = (now: number) => Record<string, unknown>;

/** Tells who a token of these claims is at an issuer whose URL ends in `path`. */
async function callers(test: Test, { path, entry, keys, header, signer }: Given) {
  const issuer = await startIssuer(test, path);
  issuer.keys = [...keys];
  const { identity, clock } = identityOfAll(test, [entryFor(issuer, entry)]);
  return async (claimsAt: ClaimsAt) => {
    if (signer === undefined) throw new Error('somebody must sign');
    const claims = claimsOf(issuer.url, clock, claimsAt(clock.now() / 1000));
    const jwt = jws(header, claims, signer.privateKey, String(header['alg']));
    return identity.authenticate({
      authorization: [`Bearer ${jwt}`],
      certificate: null,
      deadline: new Deadline(clock, 5000),
    });
  };
}

const who = async (test: Test, { claims, ...given }: Given & { claims: ClaimsAt }) =>
  (await callers(test, given))(claims);

/** The operator's reason of a refusal; undefined when there was none. */
const refusal = (answer: Promise<unknown>) =>
  answer.then(
    () => undefined,
    ({ extras }) => extras.operatorReason,
  );

const rsa = rsaKey({ kid: 'a', alg: 'RS256', use: 'sig' });

t.test('GitHub: a subject with ids and an escaped colon is passed on as it was signed', async (t) => {
  const sub = 'repo:plant-tools@5512/arm-fw@70031:environment:prod%3Anorth';
  const principal = await who(t, {
    keys: [rsa.jwk],
    signer: rsa,
    header: { typ: 'JWT', alg: 'RS256', kid: 'a', x5t: 'c29tZXRoaW5n' },
    entry: { claims: { repository_id: { type: 'String', from: ['repository_id'] } } },
    claims: (now) => ({ sub, repository_id: '70031', iat: now - 20, nbf: now - 620, exp: now + 280 }),
  });
  t.equal(principal.subject, sub);
  t.strictSame(principal.claims, { repository_id: '70031' }, 'the number that no rename gives away');
});

t.test('GitHub: `nbf` long before `iat` counts neither as age nor as a fault', async (t) => {
  for (const maxTokenAge of [60, 300]) {
    const principal = await who(t, {
      keys: [rsa.jwk],
      signer: rsa,
      header: { typ: 'JWT', alg: 'RS256', kid: 'a' },
      entry: { maxTokenAge },
      claims: (now) => ({ iat: now - 30, nbf: now - 3630, exp: now + 270 }),
    });
    t.equal(principal.subject, 'robot-17', `at most ${maxTokenAge} s old`);
  }
});

t.test(
  'GitHub: a pull request from outside has the subject of any other, so policy needs its event',
  async (t) => {
    const run = await callers(t, {
      keys: [rsa.jwk],
      signer: rsa,
      header: { alg: 'RS256', kid: 'a' },
      entry: { claims: { event_name: { type: 'String', from: ['event_name'] } } },
    });
    const by = (event_name: string) =>
      run(() => ({ sub: 'repo:plant-tools/arm-fw:pull_request', event_name }));
    const [own, outside] = [await by('pull_request'), await by('pull_request_target')];
    t.equal(own.subject, outside.subject);
    t.equal(own.id, outside.id);
    t.not(own.claims['event_name'], outside.claims['event_name']);
  },
);

t.test('Kubernetes: no typ, a list of audiences, and claims below a dotted name', async (t) => {
  const principal = await who(t, {
    path: '/id/00AA11BB',
    keys: [rsa.jwk],
    signer: rsa,
    header: { alg: 'RS256', kid: 'a' },
    entry: {
      claims: {
        namespace: { type: 'String', from: ['kubernetes.io', 'namespace'] },
        account: { type: 'String', from: ['kubernetes.io', 'serviceaccount', 'uid'] },
        pod: { type: 'String', from: ['kubernetes.io', 'pod', 'uid'] },
      },
    },
    claims: () => ({
      sub: 'system:serviceaccount:packing:loader',
      aud: ['https://kubernetes.default.svc', AUDIENCE],
      'kubernetes.io': { namespace: 'packing', serviceaccount: { name: 'loader', uid: '0b7c' } },
    }),
  });
  t.match(principal, { subject: 'system:serviceaccount:packing:loader', misfitClaims: [] });
  t.strictSame(principal.claims, { namespace: 'packing', account: '0b7c' });
});

t.test(
  'Entra v1: an issuer with a slash at its end, and keys without `alg` among other members',
  async (t) => {
    const member = { alg: undefined, x5t: 'x', x5c: ['MIIC'], issuer: 'https://sts.example/{tenantid}/' };
    const principal = await who(t, {
      path: '/11112222-tenant/',
      keys: [
        rsaKey({ kid: 'b', ...member }),
        { ...rsa, jwk: { ...rsa.jwk, ...member } },
        rsaKey({ kid: 'c' }),
      ].map(({ jwk }) => jwk),
      signer: rsa,
      header: { typ: 'JWT', alg: 'RS256', kid: 'a', x5t: 'x' },
      entry: { subjectClaim: 'oid', claims: { roles: { type: 'Set<String>', from: ['roles'] } } },
      claims: (now) => ({ sub: 'pairwise', oid: 'b7e0-oid', appid: 'x', roles: ['Mint'], nbf: now - 10 }),
    });
    t.match(principal, { subject: 'b7e0-oid', claims: { roles: ['Mint'] } });
    t.match(principal.issuer, /tenant\/$/);
  },
);

t.test('Entra: two hundred groups make a token of 11 kB, which is taken', async (t) => {
  const groups = Array.from(
    { length: 200 },
    (_, i) => `6f0e2c1a-3b7d-4c58-9a41-${String(i).padStart(12, '0')}`,
  );
  const principal = await who(t, {
    keys: [rsa.jwk],
    signer: rsa,
    header: { alg: 'RS256', kid: 'a' },
    entry: { claims: { groups: { type: 'Set<String>', from: ['groups'] } } },
    claims: () => ({ groups }),
  });
  t.strictSame(principal.claims, { groups });
});

t.test('Keycloak: an encryption key under the name of the signing key does not hide it', async (t) => {
  const shared = 'realm-key';
  const encryption = rsaKey({ kid: shared, use: 'enc', alg: 'RSA-OAEP', x5c: ['x'] });
  const signing = rsaKey({ kid: shared, use: 'sig', alg: 'RS256' });
  const given = {
    path: '/realms/plant',
    signer: signing,
    header: { alg: 'RS256', typ: 'JWT', kid: shared },
    claims: () => ({ aud: [AUDIENCE, 'account'], azp: 'loader', typ: 'Bearer' }),
  };
  for (const keys of [
    [encryption.jwk, signing.jwk],
    [signing.jwk, encryption.jwk],
    [ecKey({ kid: shared }).jwk, signing.jwk, signing.jwk],
  ]) {
    t.equal((await who(t, { ...given, keys })).subject, 'robot-17');
  }
});

t.test('OpenBao: EdDSA, and no claim but the few that are needed', async (t) => {
  const [current, next, retired] = ['1', '2', '3'].map((kid) => edKey({ kid, alg: 'EdDSA', use: 'sig' }));
  const given = {
    path: '/v1/identity/oidc',
    keys: [current?.jwk, next?.jwk, retired?.jwk],
    signer: current,
    claims: (now: number) => ({ sub: '3c1d-entity', iat: now - 60, exp: now + 86_340 }),
  };
  const principal = await who(t, {
    ...given,
    header: { alg: 'EdDSA', kid: '1' },
    entry: { algorithms: ['EdDSA'] },
  });
  t.match(principal, { subject: '3c1d-entity', claims: {}, misfitClaims: [] });
  for (const [listed, alg] of [
    ['EdDSA', 'Ed25519'],
    ['Ed25519', 'EdDSA'],
  ] as const) {
    const refused = who(t, { ...given, header: { alg, kid: '1' }, entry: { algorithms: [listed] } });
    t.equal(await refusal(refused), 'algorithm-not-allowed', `${alg} is not ${listed}`);
  }
  const bound = who(t, {
    ...given,
    header: { alg: 'Ed25519', kid: '1' },
    entry: { algorithms: ['EdDSA', 'Ed25519'] },
  });
  t.equal(await refusal(bound), 'key-unknown', 'and the key’s own name binds');
});

t.test('GitLab: a fork’s pipeline is the fork, whatever project the job runs in', async (t) => {
  const sub = 'project_path:outsider/arm-fw:ref_type:branch:ref:main';
  const declared = (...names: string[]) =>
    Object.fromEntries(names.map((name) => [name, { type: 'String' as const, from: [name] }]));
  const principal = await who(t, {
    keys: [rsaKey({ kid: 'web', alg: 'RS256', use: 'sig' }).jwk, rsa.jwk],
    signer: rsa,
    header: { alg: 'RS256', kid: 'a' },
    entry: { claims: declared('project_id', 'job_project_id', 'ref_protected') },
    claims: (now) => ({
      sub,
      project_id: '8100',
      job_project_id: '12',
      job_project_path: 'plant-tools/arm-fw',
      ref_protected: 'false',
      user_identities: [{ provider: 'x', extern_uid: '1' }],
      nbf: now - 15,
    }),
  });
  t.equal(principal.subject, sub);
  t.strictSame(principal.claims, { project_id: '8100', job_project_id: '12', ref_protected: 'false' });
});

t.test(
  'GitLab: a job that may run for eight hours has a token as long, and its age is what counts',
  async (t) => {
    const given = {
      keys: [rsa.jwk],
      signer: rsa,
      header: { alg: 'RS256', kid: 'a' },
      entry: { maxTokenAge: 900 },
    };
    const young = await who(t, { ...given, claims: (now) => ({ iat: now - 60, exp: now + 28_740 }) });
    t.equal(young.subject, 'robot-17');
    const old = who(t, { ...given, claims: (now) => ({ iat: now - 961, exp: now + 27_839 }) });
    t.equal(await refusal(old), 'too-old');
  },
);

t.test('Google: keys on another host than the issuer’s are taken, and `azp` is no matter', async (t) => {
  const keysHost = await startIssuer(t);
  keysHost.keys = [rsa.jwk];
  const issuer = await startIssuer(t);
  issuer.document = { jwks_uri: `${keysHost.url}/oauth2/v3/certs` };
  const { identity, clock } = identityOfAll(t, [entryFor(issuer)]);
  const digits = '117000000000000000042';
  const claims = claimsOf(issuer.url, clock, { sub: digits, azp: digits, email_verified: true });
  const jwt = jws({ alg: 'RS256', kid: 'a', typ: 'JWT' }, claims, rsa.privateKey, 'RS256');
  const call = { authorization: [`Bearer ${jwt}`], certificate: null, deadline: new Deadline(clock, 5000) };
  t.equal((await identity.authenticate(call)).subject, digits);
  t.strictSame(issuer.asked, ['/.well-known/openid-configuration']);
  t.strictSame(keysHost.asked, ['/oauth2/v3/certs']);
});
