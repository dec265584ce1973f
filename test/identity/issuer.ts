import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { createIdentity, type Identity } from '../../src/identity/identity.ts';
import type { Issuer } from '../../src/identity/issuers.ts';
import type { IdentitySettings } from '../../src/identity/settings.ts';
import { type Clock, Deadline } from '../../src/mint/clock.ts';

type Test = { teardown(handler: () => unknown): unknown };
type Members = Record<string, unknown>;

/** Time that stands still until it is moved; timers go off while it moves. */
class TestClock implements Clock {
  #ms = 1_800_000_000_000;
  readonly #timers = new Map<object, { at: number; then: () => void }>();

  now = () => this.#ms;
  monotonic = () => this.#ms;

  after(ms: number, then: () => void): () => void {
    const id = {};
    this.#timers.set(id, { at: this.#ms + ms, then });
    return () => this.#timers.delete(id);
  }

  advance(ms: number): void {
    this.#ms += ms;
    for (const [id, { at, then }] of [...this.#timers]) {
      if (at <= this.#ms && this.#timers.delete(id)) then();
    }
  }
}

/** A key pair, its public half as the issuer publishes it. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly jwk: Members;
}

export function rsaKey(members: Members = {}): TestKey {
  return published(generateKeyPairSync('rsa', { modulusLength: 2048 }), members);
}
export function ecKey(members: Members = {}, namedCurve = 'P-256'): TestKey {
  return published(generateKeyPairSync('ec', { namedCurve }), members);
}
export function edKey(members: Members = {}): TestKey {
  return published(generateKeyPairSync('ed25519'), members);
}
function published(pair: { publicKey: KeyObject; privateKey: KeyObject }, members: Members): TestKey {
  return { privateKey: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), ...members } };
}

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A compact JWS over exactly these header and claims, fit or not; text is taken as it is. */
export function jws(header: Members | string, claims: Members | string, key: KeyObject, alg: string): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${signature(input, key, alg).toString('base64url')}`;
}

function signature(input: string, key: KeyObject, alg: string): Buffer {
  const bytes = Buffer.from(input);
  if (alg === 'EdDSA' || alg === 'Ed25519') return sign(null, bytes, key);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith('ES')) return sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' });
  return sign(hash, bytes, alg.startsWith('PS') ? { key, padding: 6, saltLength: -1 } : { key });
}

/** An OIDC issuer on a real socket; what it serves can be changed at any time. */
export class TestIssuer {
  readonly url: string;
  keys: unknown[] = [];
  /** Added to the discovery document, or put in place of its members. */
  document: Members = {};
  /** Answers in place of the issuer when it returns true. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  /** The paths that were asked for, in order. */
  readonly asked: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  readonly serve: RequestListener = (request, response) => {
    const path = request.url ?? '';
    this.asked.push(path);
    if (this.instead(request, response)) return;
    const answer = path.endsWith('/openid-configuration')
      ? { issuer: this.url, jwks_uri: `${new URL(this.url).origin}/keys`, ...this.document }
      : { keys: this.keys };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  };

  /** How often its key set was asked for. */
  fetches(): number {
    return this.asked.filter((path) => path === '/keys').length;
  }
}

/** Starts an issuer whose URL ends in `path`. */
export async function startIssuer(t: Test, path = ''): Promise<TestIssuer> {
  const server = createServer((request, response) => issuer.serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  const issuer = new TestIssuer(`http://127.0.0.1:${port}${path}`);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return issuer;
}

export const AUDIENCE = 'https://broker.widgets.example';

/** Reads what an entry names as the loader of a bundle in this folder would. */
export const readNamedIn = (folder: string) => (path: string) => readFile(resolve(folder, path));

/** What `issuers.yaml` would say of an issuer. */
export function entryFor(issuer: Pick<TestIssuer, 'url'>, entry: Partial<Issuer> = {}): Issuer {
  return {
    alias: 'ci',
    issuer: issuer.url,
    tokenIssuer: issuer.url,
    audience: AUDIENCE,
    algorithms: ['RS256', 'ES256'],
    maxTokenAge: 86_400,
    subjectClaim: 'sub',
    tryAllKeys: false,
    claims: {},
    ...entry,
  };
}

/** The identity of callers of these issuers, on a clock that stands still. */
export function identityOfAll(t: Test, issuers: readonly Issuer[], settings: Partial<IdentitySettings> = {}) {
  const clock = new TestClock();
  const told: { message: string; detail: Members }[] = [];
  const tell = (message: string, detail: Members) => void told.push({ message, detail });
  const identity = createIdentity(issuers, { clock, events: { warn: tell, info: tell }, settings });
  t.teardown(() => identity.close());
  return { identity, clock, told };
}

/** The identity of callers of one issuer, on a clock that stands still, and what is needed to call it. */
export function identityOf(
  t: Test,
  issuer: Pick<TestIssuer, 'url'>,
  entry: Partial<Issuer> = {},
  settings: Partial<IdentitySettings> = {},
) {
  const parts = identityOfAll(t, [entryFor(issuer, entry)], settings);
  return { ...parts, claims: (more: Members = {}) => claimsOf(issuer.url, parts.clock, more) };
}

/** Claims of a token that was issued 10 s ago and lives 5 min; a member that is undefined is left out. */
export function claimsOf(iss: string, clock: Clock, more: Members = {}): Members {
  const now = Math.floor(clock.now() / 1000);
  return { iss, aud: AUDIENCE, sub: 'robot-17', iat: now - 10, exp: now + 290, ...more };
}

/** What becomes of a caller with these `Authorization` headers: the subject, or `problem:operator's reason`. */
export async function caller(identity: Identity, clock: Clock, ...authorization: string[]): Promise<string> {
  return identity
    .authenticate({ authorization, certificate: null, deadline: new Deadline(clock, 5000) })
    .then(
      ({ subject }) => subject,
      ({ problem, extras }) => `${problem}:${extras.operatorReason}`,
    );
}
