import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Where the files of TLS are. */
export interface TlsPaths {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string | undefined;
  readonly clientCrl: string | undefined;
}

/** What they hold. */
export type TlsTexts = { readonly [Name in keyof TlsPaths]: TlsPaths[Name] };

/** A revocation list of some 400,000 entries is as large; the others are a few kB. */
const MAX_BYTES = 16_000_000;

/** Why a file cannot be read: the path is an operator's, and goes to the log only. */
export class TlsFileFault extends Error {
  override readonly name = 'TlsFileFault';
  readonly of: keyof TlsPaths;

  constructor(of: keyof TlsPaths, message: string) {
    super(message);
    this.of = of;
  }
}

/** Reads all of them now, each a plain file of at most 16 MB. Throws `TlsFileFault`. */
export async function readTlsFiles(paths: TlsPaths): Promise<TlsTexts> {
  const [certificate, key, clientCa, clientCrl] = await Promise.all([
    readFile('certificate', paths.certificate),
    readFile('key', paths.key),
    paths.clientCa === undefined ? undefined : readFile('clientCa', paths.clientCa),
    paths.clientCrl === undefined ? undefined : readFile('clientCrl', paths.clientCrl),
  ]);
  return { certificate, key, clientCa, clientCrl };
}

/** Without waiting: a pipe that nobody writes to would be waited for without end. */
async function readBounded(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw Object.assign(new Error(), { code: 'too large' });
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readFile(of: keyof TlsPaths, path: string): Promise<string> {
  try {
    return await readBounded(path);
  } catch (fault) {
    const code = fault instanceof Error && 'code' in fault ? String(fault.code) : 'unreadable';
    throw new TlsFileFault(of, `cannot be read (${code})`);
  }
}
