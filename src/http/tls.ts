import { constants, createHash } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { readTlsFiles, TlsFileFault, type TlsPaths, type TlsTexts } from './tls-files.ts';
import { endOf, pairFaults } from './tls-pair.ts';

/** Who judges client certificates. */
export interface ClientTrust {
  /**
   * Takes CAs and revocation lists (PEM) in place of the ones before. Throws an `Error` that says in `file` which is
   * at fault, and in its message what an operator is to know; nothing is changed then.
   */
  trust(files: { readonly ca: string; readonly crl: string | undefined }): Promise<void>;
  state(): { readonly ok: boolean; readonly fault: string | null };
}

/** How it stands with the certificates. */
export interface TlsState {
  readonly ok: boolean;
  /** What is wrong with the files as they are now, or that the certificate has ended or a revocation list is overdue. */
  readonly fault: string | null;
  /** When the server's certificate ends, RFC 3339. */
  readonly notAfter: string;
}

interface TlsParts {
  readonly clock: Clock;
  readonly events: Events;
  /** There must be one when there is a file of client CAs. */
  readonly clientTrust: ClientTrust | undefined;
  /** How often the files are looked at. */
  readonly everyMs: number;
}

/** A file that cannot be taken, in words for the operator, by the setting that names it; nothing of the key is in it. */
export class TlsFault extends Error {
  override readonly name = 'TlsFault';

  constructor(of: keyof TlsPaths, message: string) {
    super(`${SETTING[of]} names a file that ${message}.`);
  }
}

const SETTING = {
  certificate: 'TLS_CERT_FILE',
  key: 'TLS_KEY_FILE',
  clientCa: 'TLS_CLIENT_CA_FILE',
  clientCrl: 'TLS_CLIENT_CRL_FILE',
} as const satisfies Record<keyof TlsPaths, string>;

type Half = 'server' | 'clients';

/**
 * The broker's certificate and key, and what client certificates are judged by, as their files have them. The files
 * are read again and again and compared by content: a Kubernetes secret is swapped by a link, which need not change a
 * modification time. Each half, server and clients, is taken in one step when all of it fits; until then the one
 * before serves on, and `state()` says why.
 */
export class Tls {
  readonly #paths: TlsPaths;
  readonly #parts: TlsParts;
  #texts: TlsTexts;
  /** What was looked at last, taken or not, as a hash: a fault is told once. */
  readonly #seen: Record<Half, string>;
  readonly #faults: Record<Half | 'reading', string | null> = { server: null, clients: null, reading: null };
  #replace: (options: SecureContextOptions) => void = () => {};
  #looking: Promise<void> | undefined;
  #again = false;
  #cancelNext = () => {};
  #closed = false;

  private constructor(paths: TlsPaths, parts: TlsParts, texts: TlsTexts) {
    this.#paths = paths;
    this.#parts = parts;
    this.#texts = texts;
    this.#seen = { server: serverHash(texts), clients: clientsHash(texts) };
    this.#lookLater();
  }

  /** Reads and takes all files. Throws `TlsFault`. */
  static async open(paths: TlsPaths, parts: TlsParts): Promise<Tls> {
    const texts = await read(paths);
    checkServer(texts);
    await trustClients(texts, parts.clientTrust);
    return new Tls(paths, parts, texts);
  }

  /** Whether clients are asked for a certificate. */
  get asksClients(): boolean {
    return this.#paths.clientCa !== undefined;
  }

  /**
   * What a server begins with. It trusts no CA: a client's certificate is asked for, and judged at each request, not
   * in the handshake. (Node also drops the certificates that came with one which OpenSSL found good, nodejs/node#65579.)
   */
  get secureContext(): SecureContextOptions {
    const { certificate: cert, key } = this.#texts;
    const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
    return { cert, key, ca: [], minVersion: 'TLSv1.2', secureOptions };
  }

  /** Whom to hand another certificate: connections that are open keep theirs. */
  onReplaced(replace: (options: SecureContextOptions) => void): void {
    this.#replace = replace;
  }

  /** Looks at the files now, for SIGHUP; once more when a look is under way, which may have read them before they changed. Never throws. */
  look(): Promise<void> {
    if (this.#looking !== undefined) this.#again = true;
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = undefined;
      this.#lookLater();
    });
    return this.#looking;
  }

  state(): TlsState {
    const { reading, server, clients } = this.#faults;
    const end = endOf(this.#texts);
    const ended = this.#parts.clock.now() > end ? 'the certificate of the broker has expired' : null;
    const fault = reading ?? server ?? clients ?? ended ?? this.#parts.clientTrust?.state().fault ?? null;
    return { ok: fault === null, fault, notAfter: new Date(end).toISOString() };
  }

  /** Looks no more. */
  close(): void {
    this.#closed = true;
    this.#cancelNext();
  }

  #lookLater(): void {
    this.#cancelNext();
    if (!this.#closed)
      this.#cancelNext = this.#parts.clock.after(this.#parts.everyMs, () => void this.look());
  }

  async #lookAll(): Promise<void> {
    do {
      this.#again = false;
      await this.#compare();
    } while (this.#again && !this.#closed);
  }

  async #compare(): Promise<void> {
    let texts: TlsTexts;
    try {
      texts = await read(this.#paths);
      this.#faults.reading = null;
    } catch (fault) {
      this.#keepOld('reading', fault);
      return;
    }
    await this.#take('server', serverHash(texts), () => {
      checkServer(texts);
      this.#texts = texts;
      this.#replace(this.secureContext);
    });
    await this.#take('clients', clientsHash(texts), () => trustClients(texts, this.#parts.clientTrust));
  }

  async #take(half: Half, hash: string, take: () => Promise<void> | void): Promise<void> {
    if (hash === this.#seen[half] || this.#closed) return;
    this.#seen[half] = hash;
    try {
      await take();
      this.#faults[half] = null;
      this.#parts.events.info('TLS files were replaced', { half, notAfter: this.state().notAfter });
    } catch (fault) {
      this.#keepOld(half, fault);
    }
  }

  #keepOld(what: Half | 'reading', fault: unknown): void {
    const reason = fault instanceof TlsFault ? fault.message : 'internal';
    if (this.#faults[what] !== reason)
      this.#parts.events.warn('TLS files cannot be taken; the ones before serve on', { reason });
    this.#faults[what] = reason;
  }
}

async function read(paths: TlsPaths): Promise<TlsTexts> {
  try {
    return await readTlsFiles(paths);
  } catch (fault) {
    if (fault instanceof TlsFileFault) throw new TlsFault(fault.of, fault.message);
    throw fault;
  }
}

function checkServer(texts: TlsTexts): void {
  const [fault] = pairFaults(texts);
  if (fault !== undefined) throw new TlsFault(fault.of, fault.message);
}

async function trustClients(texts: TlsTexts, clientTrust: ClientTrust | undefined): Promise<void> {
  if (texts.clientCa === undefined) return;
  try {
    await clientTrust?.trust({ ca: texts.clientCa, crl: texts.clientCrl });
  } catch (fault) {
    const isList = fault instanceof Error && 'file' in fault && fault.file === 'crl';
    throw new TlsFault(
      isList ? 'clientCrl' : 'clientCa',
      fault instanceof Error ? fault.message : 'is at fault',
    );
  }
}

const serverHash = ({ certificate, key }: TlsTexts): string => hashOf([certificate, key]);
const clientsHash = ({ clientCa, clientCrl }: TlsTexts): string =>
  hashOf([clientCa ?? null, clientCrl ?? null]);

function hashOf(texts: readonly (string | null)[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64');
}
