import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Simulator, startSimulator } from '../simulator/server.ts';
import { type BrokerProcess, startBroker } from './broker.ts';
import { writeBundle } from './bundle.ts';
import { findServer } from './openbao/binary.ts';
import { type Provisioned, provision } from './openbao/provision.ts';
import { type BaoServer, startServer } from './openbao/server.ts';
import type { DemoOptions } from './options.ts';

/** Everything that the demo runs. */
export interface Stack {
  readonly vault: BaoServer;
  readonly provisioned: Provisioned;
  readonly simulator: Simulator;
  readonly broker: BrokerProcess;
  /** LM as the broker sees it: the simulator, or the stand-in that `LM_URL` names. */
  readonly lmUrl: string;
  readonly lmPair: { readonly accessId: string; readonly accessKey: string };
  readonly auditDir: string;
  readonly policyDir: string;
  /** Ends all of it, in order, and removes its temporary folder; `keep`: leaves it, with the logs. */
  close(options?: { readonly keep: boolean }): Promise<void>;
}

/** Tells what is being done. */
export type Tell = (step: string) => void;

/** Long enough that the JWTs of a demo that was left open still work after lunch. */
const JWT_TTL_S = 43_200;

/**
 * Starts OpenBao, the simulator and the broker, and waits until the broker is ready. What was started is ended again
 * when a step fails, and when `interruption` comes, after the step that is under way.
 */
export async function startStack(
  options: DemoOptions,
  settings: NodeJS.ProcessEnv,
  tell: Tell,
  interruption: AbortSignal = new AbortController().signal,
): Promise<Stack> {
  const started: (() => Promise<void>)[] = [];
  let folder = '';
  const close = async ({ keep = false } = {}): Promise<void> => {
    for (const end of started.splice(0).reverse()) {
      await end().catch((fault: unknown) => tell(`could not clean up: ${String(fault)}`));
    }
    if (!keep && folder !== '') await rm(folder, { recursive: true, force: true });
  };
  const told = (step: string): void => {
    tell(step);
    interruption.throwIfAborted();
  };
  try {
    folder = await mkdtemp(join(tmpdir(), 'lm-token-broker-demo-'));
    const binary = await findServer({ onDownload: () => tell('fetching OpenBao (75 MB, once) …') });
    interruption.throwIfAborted();
    const vault = await startServer({ binary, ...(options.vaultPort > 0 && { port: options.vaultPort }) });
    started.push(() => vault.close());
    told(`OpenBao runs at ${vault.address} (${binary.kind}, from ${binary.from})`);

    const lmPair = {
      accessId: `root${randomBytes(8).toString('hex')}`,
      accessKey: randomBytes(30).toString('base64'),
    };
    const provisioned = await provision(vault, { pair: lmPair, jwtTtl: JWT_TTL_S });
    told('OpenBao holds the LogicMonitor key; only the broker’s AppRole may read it');

    const simulator = await startSimulator({ port: options.lmPort, rootKey: { adminId: 7, ...lmPair } });
    started.push(() => simulator.close());
    const lmUrl = settings['LM_URL'] ?? simulator.url;
    told(`LogicMonitor is played by a simulator at ${simulator.url}`);

    const policyDir = resolve(settings['POLICY_DIR'] ?? join(folder, 'policy'));
    const { issuer, audience, callers } = provisioned;
    if (settings['POLICY_DIR'] === undefined)
      await writeBundle(policyDir, { issuer, audience, subject: callers.allowed.subject });
    const auditDir = resolve(settings['AUDIT_DIR'] ?? join(folder, 'audit'));
    const broker = await startBroker(
      {
        ...settings,
        LISTEN: listenAt(options.brokerPort, settings['LISTEN']),
        PRIVATE_LISTEN: listenAt(options.privatePort, settings['PRIVATE_LISTEN']),
        POLICY_DIR: policyDir,
        AUDIT_DIR: auditDir,
        LM_URL: lmUrl,
        VAULT_ADDR: vault.address,
        VAULT_ROLE_ID: provisioned.roleId,
        VAULT_SECRET_ID: provisioned.secretId,
      },
      join(folder, 'broker.log'),
    );
    started.push(() => broker.stop());
    await untilReady(broker, interruption);
    told(`the broker runs at ${broker.url} (process ${broker.pid})`);
    return { vault, provisioned, simulator, broker, lmUrl, lmPair, auditDir, policyDir, close };
  } catch (fault) {
    await close();
    throw fault;
  }
}

/** The port of the command line, else what the environment says, else a free port. */
function listenAt(port: number, setting: string | undefined): string {
  return port > 0 || setting === undefined ? `127.0.0.1:${port}` : setting;
}

const READY_WITHIN_MS = 15_000;

/** Asks `/readyz` until it says that requests may come. */
async function untilReady({ url }: BrokerProcess, interruption: AbortSignal): Promise<void> {
  const giveUp = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const answer = await fetch(`${url}/readyz`, { signal: interruption });
    if (answer.ok) return;
    if (Date.now() > giveUp) throw new Error(`the broker is not ready: ${await answer.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
