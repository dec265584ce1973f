import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readRecords } from '../../src/audit/read.ts';
import {
  type AuditRecord,
  auditRecordJsonSchema,
  auditRecordSchema,
  eventBody,
  recordLine,
} from '../../src/audit/record.ts';
import type { AuditEvent } from '../../src/mint/records.ts';
import {
  delivery,
  end,
  freshMintId,
  intent,
  notSent,
  outcome,
  refusals,
  request,
  started,
  testLog,
} from './support.ts';

/** Compiles only while the schema takes every event that the pipeline can make. */
type Mutable<T> = T extends string | number
  ? T
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;
const asRecord = (seq: number, event: Mutable<AuditEvent>): AuditRecord => ({
  v: 1,
  seq,
  time: '2026-11-24T10:00:00.000Z',
  ...event,
});

const mintId = freshMintId();
const everyKind = [
  intent(mintId),
  outcome(mintId),
  notSent(mintId),
  delivery(mintId),
  end(mintId),
  request(),
  refusals,
  started,
];

t.test('every kind of record that is written fits the schema and reads back as it was', async (t) => {
  const dir = t.testdir();
  const { log } = await testLog(t, { dir });
  for (const event of everyKind) log.soon(event);
  await log.flush();
  const records = await readRecords(join(dir, 'audit.jsonl'));
  t.equal(new Set(records.map(({ kind }) => kind)).size, 7, 'all seven kinds');
  for (const [seq, event] of everyKind.entries()) t.match(records[seq], { ...event, v: 1, seq });
});

t.test('the schema refuses a member that it does not know, at any depth', async (t) => {
  const record = asRecord(0, structuredClone(outcome(mintId)) as Mutable<AuditEvent>); // as: a copy is ours to change
  t.equal(auditRecordSchema.safeParse(record).success, true);
  t.equal(auditRecordSchema.safeParse({ ...record, accessKey: 'x' }).success, false);
  const token = { ...(record.kind === 'outcome' ? record.token : {}), accessKey: 'x' };
  t.equal(auditRecordSchema.safeParse({ ...record, token }).success, false);
});

t.test('a line keeps text exact and is one line, whatever the text holds', async (t) => {
  const note = 'a\nb\r\u2028\u2029\u0085\u001b[2J\u202e"\\\u{1f600}\ud800';
  const line = recordLine(5, '2026-11-24T10:00:00.000Z', eventBody(intent(mintId, note)));
  t.equal(line.indexOf('\n'), line.length - 1);
  t.match(line, /^\{"v":1,"seq":5,"time":"2026-11-24T10:00:00\.000Z","kind":"intent",/);
  t.match(JSON.parse(line), { requested: { note } });
  const dir = t.testdir();
  const { log } = await testLog(t, { dir });
  await log.durable(intent(mintId, note));
  t.match(await readRecords(join(dir, 'audit.jsonl')), [{ requested: { note } }]);
});

t.test('openapi/audit-record.schema.json is made from the schema and is not stale', async (t) => {
  const file = new URL('../../openapi/audit-record.schema.json', import.meta.url);
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')), auditRecordJsonSchema(), 'else: npm run openapi');
});
