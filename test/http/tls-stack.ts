import { cp, mkdir, readFile, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Authority, type Issued } from '../support/certificates.ts';
import { type Answer, type Stack, startStack, until } from '../support/stack.ts';
import { Connection, wire } from './connection.ts';

type TlsFile = 'cert' | 'key' | 'ca' | 'crl';
type Test = Parameters<typeof startStack>[0];

/** The whole broker over TLS, and the authorities of its certificate and of its clients'. */
export interface TlsStack extends Stack {
  readonly serverCa: Authority;
  /** The CA of clients that the broker began with. */
  readonly clientCa: Authority;
  /** Writes one of its files anew. */
  put(file: TlsFile, text: string): Promise<void>;
  /** Writes files anew as Kubernetes does: by one swap of a link, here to files of the same modification time. */
  swap(texts: Partial<Record<TlsFile, string>>): Promise<void>;
  /** A connection, with a client certificate if given. */
  open(client?: Sending, options?: ConnectionOptions): Promise<Caller>;
  /** What `/readyz` tells operators. */
  readyz(): Promise<Answer['body']>;
}

/** A client certificate, and the intermediates that the client sends with it. */
export type Sending = Issued & { readonly sent?: readonly Issued[] };

/** One connection of a client. */
export interface Caller {
  readonly socket: TLSSocket;
  /** The sessions that the broker gave it to resume, the newest last. */
  readonly sessions: readonly Buffer[];
  /** Asks for a token of admin 32. */
  mint(headers?: readonly (readonly [string, string])[]): Promise<Answer>;
  get(path: string): Promise<Answer>;
}

const entitiesSchema = z.looseObject({ services: z.array(z.unknown()) });

/**
 * Starts the whole broker with TLS. These subjects are callers by certificate whom policy allows for admin 32. Files
 * are looked at every 100 ms unless `settings` say otherwise.
 */
export async function startTlsStack(
  t: Test,
  subjects: readonly string[],
  settings: Record<string, string> = {},
): Promise<TlsStack> {
  const [serverCa, clientCa] = [Authority.root('server CA'), Authority.root('client CA')];
  const parent = t.testdir();
  const folder = join(parent, 'tls');
  let version = 1;
  const paths = {
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    ca: join(folder, 'ca.pem'),
    crl: join(folder, 'crl.pem'),
  };
  const put: TlsStack['put'] = (file, text) => writeFile(paths[file], text);
  const swap: TlsStack['swap'] = async (texts) => {
    const before = join(parent, `tls-${version}`);
    version += 1;
    const next = join(parent, `tls-${version}`);
    await cp(before, next, { recursive: true });
    for (const [file, text] of Object.entries(texts)) {
      const path = join(next, `${file}.pem`);
      await writeFile(path, text);
      await utimes(path, 0, 0);
    }
    await symlink(next, `${folder}-link`);
    await rename(`${folder}-link`, folder);
  };
  const server = serverCa.server();
  const stack = await startStack(t, {
    ready: false,
    settings: {
      TLS_CERT_FILE: paths.cert,
      TLS_KEY_FILE: paths.key,
      TLS_CLIENT_CA_FILE: paths.ca,
      TLS_CLIENT_CRL_FILE: paths.crl,
      RELOAD_EVERY: '100ms',
      ...settings,
    },
    before: async (_vault, _simulator, policyDir) => {
      await mkdir(join(parent, 'tls-1'));
      await symlink(join(parent, 'tls-1'), folder);
      await put('cert', server.pem);
      await put('key', server.keyPem);
      await put('ca', clientCa.pem);
      await put('crl', clientCa.revocations([]));
      const file = join(policyDir, 'entities.yaml');
      const entities = entitiesSchema.parse(parse(await readFile(file, 'utf8')));
      for (const subject of subjects)
        entities.services.push({ issuer: 'mtls', subject, teams: ['platform-automation'] });
      await writeFile(file, stringify(entities));
    },
  });

  const open: TlsStack['open'] = async (client, options = {}) => {
    const sessions: Buffer[] = [];
    const own = client && {
      key: client.keyPem,
      cert: [client, ...(client.sent ?? [])].map(({ pem }) => pem).join(''),
    };
    const tls = { ca: serverCa.pem, ...own, ...options };
    const { connection, socket } = await Connection.overTls(t, stack.broker.url, tls, (session) =>
      sessions.push(session),
    );
    const ask = async (request: Parameters<typeof wire>[0]): Promise<Answer> => {
      connection.write(wire(request));
      return connection.answer();
    };
    return {
      socket,
      sessions,
      get: (path) => ask({ method: 'GET', path }),
      mint: (headers = []) =>
        ask({
          path: '/admins/32/tokens',
          headers: [['Content-Type', 'application/json'], ...headers],
          body: '{}',
        }),
    };
  };

  const prober = await open();
  await until(async () => (await prober.get('/readyz')).body.status === 'ready', '/readyz to say ready');
  return Object.assign(Object.create(null, Object.getOwnPropertyDescriptors(stack)), {
    serverCa,
    clientCa,
    put,
    swap,
    open,
    readyz: async () => (await fetch(`${stack.broker.privateUrl}/readyz`)).json(),
  });
}
