import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Which file something is, and how long. */
export interface FileFacts {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
}

/** One open file. Everything rejects as node's own calls do, with an error that has a `code`. */
export interface DiskFile {
  /** One write(2); resolves to the bytes that were taken, which may be fewer. */
  write(bytes: Uint8Array): Promise<number>;
  /** Fills `into` from `position`; resolves to the bytes that were there. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** fdatasync(2). */
  datasync(): Promise<void>;
  /** fsync(2). */
  sync(): Promise<void>;
  /** fstat(2). */
  facts(): Promise<FileFacts>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** What the audit log needs of a file system; an argument, so that tests can let it fail. */
export interface Disk {
  /** Makes a folder and its parents (0700), if it is missing, and makes their names durable. */
  makeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** `append`: made when missing (0600). `reopen`: must be there. `rewrite`: emptied or made (0600). */
  open(path: string, how: 'append' | 'reopen' | 'rewrite'): Promise<DiskFile>;
  /** stat(2). */
  facts(path: string): Promise<FileFacts>;
  /** Bytes that an unprivileged process may still write below `path`. */
  freeBytes(path: string): Promise<number>;
}

const { O_APPEND, O_CREAT, O_RDWR, O_TRUNC } = constants;
// Without O_CREAT a log that was removed is noticed instead of begun anew.
const FLAGS = {
  append: O_APPEND | O_RDWR | O_CREAT,
  reopen: O_APPEND | O_RDWR,
  rewrite: O_RDWR | O_CREAT | O_TRUNC,
};

/** The real one. */
export const nodeDisk: Disk = {
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    for (let made = resolve(path); ; made = dirname(made)) {
      await nodeDisk.syncFolder(dirname(made));
      if (made === resolve(first)) break;
    }
  },
  async syncFolder(path) {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  async open(path, how) {
    return new OpenFile(await open(path, FLAGS[how], 0o600));
  },
  facts: (path) => stat(path),
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

class OpenFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<number> {
    return (await this.#handle.write(bytes)).bytesWritten;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  datasync(): Promise<void> {
    return this.#handle.datasync();
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  facts(): Promise<FileFacts> {
    return this.#handle.stat();
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
