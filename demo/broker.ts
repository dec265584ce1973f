import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { killWhenOrphaned, tailOf } from './openbao/process.ts';

/** A broker that runs as a process of its own. */
export interface BrokerProcess {
  /** Where callers reach it. */
  readonly url: string;
  /** Where operators reach it; undefined when `PRIVATE_LISTEN` is `off`. */
  readonly privateUrl: string | undefined;
  readonly pid: number;
  readonly logFile: string;
  signal(name: NodeJS.Signals): void;
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Ends it without the lead and waits for the end. */
  stop(): Promise<void>;
}

const listening = z.object({
  msg: z.literal('listening'),
  url: z.string(),
  privateUrl: z.string().optional(),
});
/** As `npm start` and the image have it: no signal opens a debugger, through which all secrets can be read. */
export const NODE_FLAGS = ['--disable-sigusr1'];
const START_WITHIN_MS = 15_000;

/**
 * Starts the broker with this environment and nothing else, its log going to `logFile`; resolves when it listens. It
 * dies with this process, however that ends. Throws with the last lines of its log when it does not start.
 */
export async function startBroker(env: NodeJS.ProcessEnv, logFile: string): Promise<BrokerProcess> {
  const child = spawn(process.execPath, [...NODE_FLAGS, brokerMain()], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error('the broker started without a process id');
  const mourner = killWhenOrphaned(pid);
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = once(child, 'close').then(() => {
    mourner.kill('SIGKILL');
    log.end();
    return child.signalCode ?? child.exitCode ?? 0;
  });
  const signal = (name: NodeJS.Signals): void => {
    if (child.exitCode === null && child.signalCode === null) child.kill(name);
  };
  try {
    const { url, privateUrl } = await addresses(child);
    const stop = async (): Promise<void> => {
      signal('SIGINT');
      const impatience = setTimeout(() => signal('SIGKILL'), 10_000);
      await ended;
      clearTimeout(impatience);
    };
    return { url, privateUrl, pid, logFile, signal, ended, stop };
  } catch (fault) {
    signal('SIGKILL');
    await ended;
    const reason = fault instanceof Error ? fault.message : 'unknown fault';
    throw new Error(`the broker did not start (${reason}):\n${tailOf(logFile)}`);
  }
}

/** Waits for the line of the log that says where the broker listens. */
async function addresses({ stdout }: ChildProcess): Promise<z.infer<typeof listening>> {
  if (stdout === null) throw new Error('no output');
  const lines = createInterface({ input: stdout });
  const timer = setTimeout(() => lines.close(), START_WITHIN_MS);
  for await (const line of lines) {
    const found = listening.safeParse(jsonOf(line));
    if (!found.success) continue;
    clearTimeout(timer);
    return found.data;
  }
  clearTimeout(timer);
  throw new Error('it never said where it listens');
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** `src/main.ts` beside the sources of the demo, `main.js` beside what was built from them. */
function brokerMain(): string {
  const built = join(import.meta.dirname, '..', 'src', 'main.js');
  return existsSync(built) ? built : join(import.meta.dirname, '..', 'src', 'main.ts');
}
