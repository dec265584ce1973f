import { open } from 'node:fs/promises';
import { walkLines } from './lines.ts';
import { type AuditRecord, auditRecordSchema } from './record.ts';

/**
 * Every whole record of a log file, in order, checked against the schema. Reads a file that is being written just as
 * well; a last line that is not whole yet is left out. Throws the system's error when the file cannot be read, and
 * zod's or JSON's for a line that is no record.
 */
export async function readRecords(path: string): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  await eachRecord(path, (record) => records.push(record));
  return records;
}

/** The same, each handed to `visit` as it is read, in the memory of a chunk. */
export async function eachRecord(path: string, visit: (record: AuditRecord) => void): Promise<void> {
  const file = await open(path, 'r');
  try {
    await walkLines(
      async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
      (await file.stat()).size,
      (line) => visit(auditRecordSchema.parse(JSON.parse(line.toString('utf8')))),
    );
  } finally {
    await file.close();
  }
}
