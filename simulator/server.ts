import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Account, type AccountState } from './account.ts';
import { serveApi } from './api.ts';
import { CONTROL, serveControl } from './control.ts';
import { enveloped, Refusal } from './envelope.ts';
import type { Faults } from './faults.ts';
import type { JournalEntry } from './journal.ts';
import type { AccountOptions, AdminInput, KeyInput } from './options.ts';
import type { Admin, Token } from './portal.ts';
import type { Settings, SettingsChange } from './settings.ts';

/** Where to listen, and what the account starts with. */
export interface SimulatorOptions extends AccountOptions {
  /** 0, the default: a free port. */
  port?: number | undefined;
  /** 127.0.0.1 by default. */
  host?: string | undefined;
  /** The key pair that the broker signs with; LM's published example when left out. */
  rootKey?: KeyInput | undefined;
}

/** A running simulator. Each member but the first four does what the control call of its name does. */
export interface Simulator {
  /** The origin, `http://127.0.0.1:PORT`: LM's API is under `/santaba/rest` there. */
  readonly url: string;
  readonly port: number;
  /** Ends at once: connections are cut, what was still to be committed is not. */
  close(): Promise<void>;
  /** Resolves when the test holds; tried now and after each arrival, commit and answer. Rejects at the close. */
  until(test: () => boolean): Promise<void>;
  readonly faults: Faults;
  state(): AccountState;
  /** The requests that are kept, or those after number `after`, oldest first. */
  requests(after?: number): JournalEntry[];
  set(change: SettingsChange): Settings;
  setAdmin(admin: AdminInput): Admin;
  addKey(key: KeyInput): Token & { accessId: string };
  removeKey(accessId: string): boolean;
  reset(): void;
}

/** LM's published example pair, so that a simulator started by hand needs no settings. */
const EXAMPLE_KEY = {
  adminId: 7,
  accessId: '48v2wRzfK94y53sq5EuF',
  accessKey: 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+',
};

/** Starts a simulator. Rejects when it cannot listen, or with a ZodError when the options do not fit. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1', rootKey = EXAMPLE_KEY, keys = [] } = options;
  const account = new Account({ ...options, keys: [rootKey, ...keys] });
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const serve = incoming.url?.startsWith(CONTROL) ? serveControl : serveApi;
    serve(account, incoming, response).catch((error: unknown) => failed(error, incoming, response));
  });
  const address = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const bound = server.address();
      if (bound === null || typeof bound === 'string') reject(new Error('not listening on TCP'));
      else resolve(bound);
    });
  });
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    port: address.port,
    close: () => {
      account.end();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
    until: (test) => account.until(test),
    faults: account.faults,
    state: () => account.state(),
    requests: (after) => account.journal.list(after),
    set: (change) => account.set(change),
    setAdmin: (admin) => account.setAdmin(admin),
    addKey: (key) => account.addKey(key),
    removeKey: (accessId) => account.removeKey(accessId),
    reset: () => account.reset(),
  };
}

/** A caller that hung up or a wait that was ended needs no answer; a fault of our own is told, and is a 500. */
function failed(error: unknown, incoming: IncomingMessage, response: ServerResponse): void {
  const ended = error instanceof Error && error.name === 'AbortError';
  if (ended || !incoming.complete) {
    response.destroy();
    return;
  }
  process.stderr.write(`simulator: ${error instanceof Error ? error.stack : String(error)}\n`);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(500, { 'content-type': 'application/json' });
  response.end(enveloped(new Refusal(500, 'internal error').answer(), 'v3').text);
}
