import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { FetchFault } from './fetch-json.ts';

/** With it a request's headers stay below the 16 kB that servers take. */
const MAX_BYTES = 12_288;

/**
 * The bearer token (RFC 6750, section 2.1) that stands in a file, without the white space around it. It is read anew
 * each time, since Kubernetes and others replace it. Throws a `FetchFault` that holds nothing of it.
 */
export async function readTokenFile(path: string): Promise<string> {
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  try {
    // A pipe that nobody writes to would be waited for without end.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      length = (await file.read(bytes, 0, bytes.length, 0)).bytesRead;
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed';
    throw new FetchFault(`jwksTokenFile cannot be read (${code})`);
  }
  const token = bytes.toString('latin1', 0, length).trim();
  if (length > MAX_BYTES || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new FetchFault('jwksTokenFile does not hold a bearer token');
  }
  return token;
}
