import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { type BrokerProcess, startBroker } from '../../demo/broker.ts';
import { writeBundle } from '../../demo/bundle.ts';
import type { SimulatorOptions } from '../../simulator/server.ts';
import { type Simulator, startSimulator } from '../../simulator/server.ts';
import { readRecords } from '../../src/audit/read.ts';
import { type OpenBao, startOpenBao } from './openbao.ts';

/** What a test of the whole broker works with: real processes, real sockets. */
export interface Stack {
  readonly vault: OpenBao;
  readonly simulator: Simulator;
  /** The broker of now; `restart` puts another in its place. */
  readonly broker: BrokerProcess;
  readonly auditDir: string;
  readonly policyDir: string;
  /** The environment that the broker was first started with. */
  readonly settings: Readonly<Record<string, string>>;
  /** A JWT of the caller that policy allows for admins 32 and 33 (33 with a reason), and of one that it does not. */
  readonly callerJwt: string;
  readonly otherJwt: string;
  /** `POST /admins/<admin>/tokens`; an object is sent as JSON, a string as it is. Headers overwrite the usual ones; `null` leaves one out. */
  mint(
    admin: number | string,
    body?: object | string,
    headers?: Record<string, string | null>,
  ): Promise<Answer>;
  /** The same as a dry run. */
  dryRun(admin: number, body?: object, headers?: Record<string, string | null>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Every record of the audit log by now. */
  records(): Promise<Awaited<ReturnType<typeof readRecords>>>;
  /** The broker's log by now, all of its runs. */
  log(): Promise<string>;
  /** Starts the broker again on the same folders, with other settings if given. The old one must have ended. */
  restart(settings?: Record<string, string>): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; null when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape, and fail when it is another
  readonly body: any;
}

interface Teardown {
  readonly name: string;
  teardown(handler: () => Promise<unknown> | unknown): unknown;
  testdir(): string;
}

export interface StackOptions {
  /** Settings of the broker, over those that the stack needs. */
  readonly settings?: Record<string, string>;
  readonly simulator?: SimulatorOptions;
  /** False: do not wait until `/readyz` says `ready`. */
  readonly ready?: boolean;
  /** Called before the broker starts, with what is there by then; the callers have their JWTs already. */
  readonly before?: (vault: OpenBao, simulator: Simulator, policyDir: string) => Promise<void>;
  /** Options of the OpenBao server. */
  readonly vault?: Parameters<typeof startOpenBao>[2];
}

/** Starts OpenBao, the simulator and the broker for the test `t`; all of it ends with the test. */
export async function startStack(t: Teardown, options: StackOptions = {}): Promise<Stack> {
  const folder = t.testdir();
  const vault = await startOpenBao(t, {}, options.vault);
  const simulator = await startSimulator({ ...options.simulator, rootKey: { adminId: 7, ...vault.pair } });
  t.teardown(() => simulator.close());
  const auditDir = join(folder, 'audit');
  const policyDir = join(folder, 'policy');
  const logFile = join(folder, 'broker.log');
  const { issuer, audience, callers } = vault;
  await writeBundle(policyDir, { issuer, audience, subject: callers.allowed.subject });
  const callerJwt = await callers.allowed.mintJwt();
  const otherJwt = await callers.other.mintJwt();
  await options.before?.(vault, simulator, policyDir);
  const settings = {
    LISTEN: '127.0.0.1:0',
    PRIVATE_LISTEN: '127.0.0.1:0',
    DRAIN_LEAD: '1ms',
    // Tests ask faster than one caller may, but for those that are about that.
    CALLER_RATE: '100000',
    CALLER_BURST: '100000',
    LM_URL: simulator.url,
    VAULT_ADDR: vault.server.address,
    VAULT_ROLE_ID: vault.roleId,
    VAULT_SECRET_ID: vault.secretId,
    POLICY_DIR: policyDir,
    AUDIT_DIR: auditDir,
    ...options.settings,
  };
  let broker = await startBroker(settings, logFile);
  t.teardown(() => broker.stop());
  if (options.ready !== false) await untilReady(broker.url);
  return {
    vault,
    simulator,
    get broker() {
      return broker;
    },
    auditDir,
    policyDir,
    settings,
    callerJwt,
    otherJwt,
    mint: (admin, body = {}, headers = {}) =>
      post(`${broker.url}/admins/${admin}/tokens`, callerJwt, body, headers),
    dryRun: (admin, body = {}, headers = {}) =>
      post(`${broker.url}/admins/${admin}/tokens?dryRun=true`, callerJwt, body, headers),
    get: (path) => answerOf(fetch(`${broker.url}${path}`)),
    records: () => readRecords(join(auditDir, 'audit.jsonl')),
    log: () => readFile(logFile, 'utf8'),
    async restart(more = {}) {
      broker = await startBroker({ ...settings, ...more }, logFile);
      if (options.ready !== false) await untilReady(broker.url);
    },
  };
}

function post(
  url: string,
  jwt: string,
  body: object | string,
  changes: Record<string, string | null>,
): Promise<Answer> {
  const headers = new Headers({ authorization: `Bearer ${jwt}`, 'content-type': 'application/json' });
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  return answerOf(
    fetch(url, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) }),
  );
}

async function answerOf(pending: Promise<Response>): Promise<Answer> {
  const answer = await pending;
  const text = await answer.text();
  const isJson = /json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : null };
}

/** Waits until every part of the broker is well. */
async function untilReady(url: string): Promise<void> {
  const state = async () =>
    z.object({ status: z.string() }).parse(await (await fetch(`${url}/readyz`)).json());
  await until(async () => (await state()).status === 'ready', '/readyz to say ready');
}

/** Waits until `/readyz` answers `status`. */
export async function untilStatus(url: string, status: number): Promise<void> {
  await until(async () => (await fetch(`${url}/readyz`)).status === status, `/readyz to answer ${status}`);
}

/** Asks every few milliseconds until it is true; throws after 10 s, naming what was waited for. */
export async function until(test: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (!(await test())) {
    if (Date.now() > giveUp) throw new Error(`waited 10 s for ${what}`);
    await pause(10);
  }
}
