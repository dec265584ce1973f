import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { connect, type VaultApi, VaultRefusal } from './api.ts';
import { findServer, type ServerBinary } from './binary.ts';
import { freePort, type ServerProcess, startProcess, tailOf } from './process.ts';

/** A real server process on loopback, initialized and unsealed, that its owner must `close`. */
export type BaoServer = VaultApi & {
  kind: ServerBinary['kind'];
  rootToken: string;
  /** What the server printed, over all its starts. */
  logFile: string;
  seal(): Promise<void>;
  /** Unseals it and waits until it serves. */
  unseal(): Promise<void>;
  /** Ends the process in order and waits for its end; a second call does nothing. */
  stop(): Promise<void>;
  /** Starts a stopped server again, at the same address and unsealed; needs `keepData`. */
  start(): Promise<void>;
  /** Freezes the process (SIGSTOP): connections are accepted by the kernel and never answered. */
  pause(): Promise<void>;
  /** Thaws it. */
  resume(): void;
  /** Kills the server and removes its folder. */
  close(): Promise<void>;
};

export type ServerOptions = {
  binary?: ServerBinary;
  /** A free one unless given. */
  port?: number;
  /** Keeps data over a restart (raft storage, which takes 1.5 s more to start); otherwise all is in memory. */
  keepData?: boolean;
  /** PEM files of a TLS listener; `caFile` is what its clients trust, the certificate itself unless given. */
  tls?: { certFile: string; keyFile: string; caFile?: string };
};

/** Longest wait for a server to answer or to become active, in ms. */
const READY_WITHIN = 20_000;

const Initialized = z.object({ keys: z.tuple([z.string()]), root_token: z.string() });

/**
 * Starts a server with one unseal key and resolves when it is active. Throws, with the end of the server's log, when it
 * exits or is not ready within 20 s; nothing is left behind then.
 */
export async function startServer(options: ServerOptions = {}): Promise<BaoServer> {
  const binary = options.binary ?? (await findServer());
  if (options.port !== undefined) return startAt(options.port, binary, options);
  for (let attempt = 1; ; attempt++) {
    try {
      return await startAt(await freePort(), binary, options);
    } catch (error) {
      // Between finding a free port and listening on it, somebody else may take it.
      if (attempt === 3 || !String(error).includes('address already in use')) throw error;
    }
  }
}

async function startAt(port: number, binary: ServerBinary, options: ServerOptions): Promise<BaoServer> {
  const { tls, keepData = false } = options;
  const ca = tls ? readFileSync(tls.caFile ?? tls.certFile, 'utf8') : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'lm-token-broker-openbao-'));
  const logFile = join(folder, 'server.log');
  const configFile = join(folder, 'config.json');
  const address = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  const anonymous = connect(address, '', ca);
  let running: ServerProcess | undefined;

  const launch = async () => {
    running = await startProcess(binary.path, ['server', `-config=${configFile}`], logFile);
    // Any status will do: 501 is a server without data, 503 a sealed one.
    await until(running, logFile, (status) => status !== undefined, anonymous);
  };
  const unsealWith = async (key: string) => {
    await anonymous.api('PUT', 'sys/unseal', { key });
    await until(running, logFile, (status) => status === 200, anonymous);
  };
  const close = async () => {
    await running?.kill();
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const storage = keepData ? raftStorage(folder) : { storage: { inmem: {} } };
    writeFileSync(
      configFile,
      JSON.stringify({ ...listener(port, tls), api_addr: address, ...storage, ...quirks(binary) }),
    );
    await launch();
    const init = Initialized.parse(
      await anonymous.api('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 }),
    );
    const unseal = () => unsealWith(init.keys[0]);
    await unseal();
    const admin = connect(address, init.root_token, ca);
    return {
      ...admin,
      kind: binary.kind,
      rootToken: init.root_token,
      logFile,
      unseal,
      close,
      async seal() {
        await admin.api('PUT', 'sys/seal');
      },
      async stop() {
        await running?.stop();
      },
      async start() {
        if (!keepData) throw new Error('Only a server started with keepData can be started again.');
        if (running?.hasEnded()) await launch();
        await unseal();
      },
      pause: async () => running?.suspend(),
      resume: () => running?.signal('SIGCONT'),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function listener(port: number, tls: ServerOptions['tls']): object {
  const secured = tls ? { tls_cert_file: tls.certFile, tls_key_file: tls.keyFile } : { tls_disable: true };
  return {
    listener: [{ tcp: { address: `127.0.0.1:${port}`, cluster_address: '127.0.0.1:0', ...secured } }],
  };
}

function raftStorage(folder: string): object {
  const path = join(folder, 'data');
  mkdirSync(path);
  return {
    storage: { raft: { path, node_id: 'one', performance_multiplier: '1' } },
    // Raft demands one; a single node has nobody who would dial it.
    cluster_addr: 'https://127.0.0.1:1',
  };
}

/** Vault refuses raft without a word about mlock, and may not lock memory in a container; OpenBao does not know the word. */
function quirks({ kind }: ServerBinary): object {
  return kind === 'vault' ? { disable_mlock: true } : {};
}

/** Polls the server's health until its status (undefined: no answer) is as wanted. */
async function until(
  running: ServerProcess | undefined,
  logFile: string,
  wanted: (status: number | undefined) => boolean,
  { api }: VaultApi,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN;
  while (!wanted(await health(api))) {
    if (running === undefined || running.hasEnded()) throw new Error(`The server ended:\n${tailOf(logFile)}`);
    if (Date.now() > deadline) throw new Error(`The server is not ready in time:\n${tailOf(logFile)}`);
    await delay(15);
  }
}

async function health(api: VaultApi['api']): Promise<number | undefined> {
  try {
    await api('GET', 'sys/health');
    return 200;
  } catch (error) {
    return error instanceof VaultRefusal ? error.status : undefined;
  }
}
