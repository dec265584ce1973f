import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { bareEnvironment } from './program.ts';

/** One run of a server program, from its start until it has ended. */
export type ServerProcess = {
  hasEnded(): boolean;
  /** Sends a signal; after the end it does nothing. */
  signal(name: NodeJS.Signals): void;
  /** Stops it by SIGSTOP, and waits until it has stopped where the system tells (Linux); SIGCONT lets it go on. */
  suspend(): Promise<void>;
  /** Ends it with SIGTERM, with SIGKILL when it is still there after 5 s, and waits for the end. */
  stop(): Promise<void>;
  /** Ends it with SIGKILL and waits for the end. */
  kill(): Promise<void>;
};

/**
 * Starts `program` with its output appended to `logFile`. It has a process group of its own, so that Ctrl-C at a
 * terminal reaches only this process, which stops it in order; and it is killed when this process dies, however.
 * Throws when the program cannot be started.
 */
export async function startProcess(program: string, args: string[], logFile: string): Promise<ServerProcess> {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(program, args, {
    env: bareEnvironment(),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${program} started without a process id`);
  const mourner = killWhenOrphaned(pid);
  const ended = once(child, 'exit').then(() => {
    mourner.kill('SIGKILL');
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const signal = (name: NodeJS.Signals) => {
    if (!hasEnded()) child.kill(name);
  };
  return {
    hasEnded,
    signal,
    async suspend() {
      signal('SIGSTOP');
      while (existsSync(`/proc/${pid}/stat`) && !isStopped(pid)) await delay(1);
    },
    async stop() {
      signal('SIGTERM');
      // One that was stopped by SIGSTOP sees its SIGTERM only when it goes on.
      signal('SIGCONT');
      const impatience = setTimeout(() => signal('SIGKILL'), 5_000);
      await ended;
      clearTimeout(impatience);
    },
    async kill() {
      signal('SIGKILL');
      await ended;
    },
  };
}

/**
 * A shell that waits for the end of its input and then kills `pid`. The other end of that pipe is held by this process
 * alone, so the kernel closes it even when this process is killed with SIGKILL, when no exit handler runs.
 */
export function killWhenOrphaned(pid: number): ChildProcess {
  return spawn('/bin/sh', ['-c', `read -r _; kill -9 ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
}

/** Whether every thread of a process has stopped; Linux only. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) =>
    /\) T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')),
  );
}

/** A TCP port of the loopback address that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

/** The last lines of a log, for an error message. */
export function tailOf(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-3).join('\n');
}
