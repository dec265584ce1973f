import { type ReadAt, walkLines } from './lines.ts';
import { RECORD_VERSION } from './record.ts';

/** An intent that has no outcome: nobody knows yet whether LogicMonitor made its token. */
export interface OpenIntent {
  readonly mintId: string;
  readonly adminId: number;
  /** RFC 3339. */
  readonly time: string;
}

/** What a log holds, as far as the writer must know to go on. */
export interface Scan {
  /** Bytes of the whole lines. What follows them is a torn line. */
  readonly size: number;
  /** How many records there are, which is also the next sequence number. */
  readonly records: number;
  /** By mint id. */
  readonly open: Map<string, OpenIntent>;
}

/**
 * Reads a log once, from its beginning, in bounded memory. Throws an `Error` that names the line when a whole line is
 * not JSON, is of another version, or its sequence number does not follow the one before.
 */
export async function scanLog(read: ReadAt, fileSize: number): Promise<Scan> {
  const open = new Map<string, OpenIntent>();
  let records = 0;
  const size = await walkLines(read, fileSize, (line) => {
    const record = parse(line, records + 1);
    if (!('v' in record) || record.v !== RECORD_VERSION) fail(records + 1, 'has an unknown version');
    if (!('seq' in record) || record.seq !== records) fail(records + 1, `should have the seq ${records}`);
    records += 1;
    if (!('kind' in record) || !('mintId' in record) || typeof record.mintId !== 'string') return;
    if (record.kind === 'outcome') open.delete(record.mintId);
    if (record.kind !== 'intent' || !('adminId' in record) || !('time' in record)) return;
    const { mintId, adminId, time } = record;
    open.set(mintId, { mintId, adminId: Number(adminId), time: String(time) });
  });
  return { size, records, open };
}

function parse(line: Buffer, number: number): object {
  try {
    // The members that are read here are ASCII; Latin-1 decodes faster than UTF-8 and is as good a test for JSON.
    const value: unknown = JSON.parse(line.toString('latin1'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // told below, as for any other line that is no object
  }
  return fail(number, 'is not a JSON object');
}

function fail(line: number, what: string): never {
  throw new Error(
    `audit.jsonl: line ${line} ${what}; the log was changed by something else, so the broker does not go on with it`,
  );
}
