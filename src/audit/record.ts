import { z } from 'zod';
import { COUNTED_PER, REQUIREMENTS } from '../mint/obligations.ts';
import { DENIAL_REASONS, PROBLEMS, type ProblemName } from '../mint/problems.ts';
import type { AuditEvent } from '../mint/records.ts';

/** The version of the format that is written; a reader refuses what it does not know. */
export const RECORD_VERSION = 1;

const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .describe('RFC 3339, UTC, with milliseconds.');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^[0-9a-hjkmnp-tv-z]{26}$/);
const adminId = z.int().min(1).max(2_147_483_647);
const count = z.int().min(0);
const problem = z.enum(Object.keys(PROBLEMS) as [ProblemName, ...ProblemName[]]); // as: keys of a constant table
const httpStatus = z.int().min(100).max(599).nullable();

const requested = z.strictObject({
  note: z.string(),
  status: z.union([z.literal(1), z.literal(2)]),
  type: z.enum(['API token', 'bearer']),
  reason: z.string().nullable(),
});

const names = z.array(z.string());
const counted = { policy: z.string(), limit: z.int().min(1), per: z.enum(COUNTED_PER) };

const obligations = z.strictObject({
  require: z.array(z.enum(REQUIREMENTS)),
  maxTtlS: count.nullable(),
  defaultTtlS: count.nullable(),
  quotas: z.array(z.strictObject({ ...counted, windowS: z.int().min(1) })),
  maxLive: z.array(z.strictObject(counted)),
});

const input = z.strictObject({
  action: z.literal('mintToken'),
  time,
  ttlS: count.nullable().describe('Seconds that were asked for; null for no end.'),
  wrap: z.boolean(),
  keyed: z.boolean().describe('Whether the request brought an `Idempotency-Key`.'),
  claims: z
    .record(z.string(), z.union([z.string(), z.int(), z.boolean(), names]))
    .describe('The claims that the issuer’s entry declares, as the token had them.'),
  misfitClaims: names.describe('Declared claims that the token had with another type.'),
  certificate: z.string().nullable().describe('Whose client certificate the connection had.'),
  teams: names.describe('Of the principal.'),
  groups: names.describe('Of the admin.'),
});

const decision = z.strictObject({
  id,
  allow: z.boolean(),
  reason: z.enum(DENIAL_REASONS).nullable(),
  policies: z.array(z.string()).describe('The `@id`s of the policies that decided.'),
  errors: z.array(z.string()).describe('What Cedar reported while it evaluated.'),
  obligations: obligations.nullable().describe('What the permits that matched ask for.'),
  bundle: sha256.describe('SHA-256 of the policy bundle that decided.'),
  input: input.describe('What policy was told beside principal, admin, source and request.'),
});

const token = z.strictObject({
  id: count.describe('LogicMonitor’s id of the token.'),
  accessId: z.string().nullable(),
  accessKeySha256: sha256.describe('SHA-256 over `lm-token-broker access key v1\\n` and the access key.'),
  roles: z.array(z.string()).describe('LogicMonitor’s role names of the admin when the token was made.'),
  createdOn: count.describe('Epoch seconds, LogicMonitor’s clock.'),
});

/** What every record begins with. */
const head = {
  v: z.literal(RECORD_VERSION),
  seq: count.describe('0 for the first record of a log; no gaps.'),
  time,
};

/** Who and what a request’s records are about. */
const context = {
  requestId: z.string().regex(/^[A-Za-z0-9._-]{1,128}$/),
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .nullable(),
  principal: z.strictObject({
    id: sha256.describe('SHA-256 of issuer, alias and subject together.'),
    alias: z.string(),
    issuer: z.string(),
    subject: z.string(),
    authenticatedBy: z.enum(['jwt', 'mtls']),
  }),
  source: z.strictObject({ address: z.string(), userAgent: z.string().nullable() }),
};

const intent = z.strictObject({
  ...head,
  kind: z.literal('intent'),
  ...context,
  mintId: id,
  adminId,
  requested,
  decision,
  credentialVersion: count.describe('The version of the secret in Vault that signs.'),
});

const outcome = z.strictObject({
  ...head,
  kind: z.literal('outcome'),
  ...context,
  mintId: id,
  adminId,
  outcome: z.enum(['minted', 'refused', 'not-sent']),
  problem: problem.nullable(),
  reason: z.string().nullable(),
  upstream: z.strictObject({ status: httpStatus, durationMs: z.number().min(0) }),
  token: token.nullable(),
  leaseEnd: z.null(),
});

const delivery = z.strictObject({
  ...head,
  kind: z.literal('delivery'),
  ...context,
  mintId: id,
  delivery: z.enum(['delivered', 'undelivered']),
});

const end = z.strictObject({
  ...head,
  kind: z.literal('end'),
  ...context,
  mintId: id,
  adminId,
  end: z.enum(['undelivered']),
  tokenId: count,
  accessId: z.string().nullable(),
  how: z.enum(['deleted', 'gone']),
  tries: count,
});

const request = z.strictObject({
  ...head,
  kind: z.literal('request'),
  ...context,
  adminId: adminId.nullable(),
  requested: requested.nullable(),
  decision: decision.nullable(),
  outcome: z.enum(['refused', 'dry-run']),
  problem: problem.nullable().describe('Null for a dry run.'),
  reason: z.string().nullable(),
  durationMs: z.number().min(0),
});

const refusals = z.strictObject({
  ...head,
  kind: z.literal('refusals'),
  since: time,
  until: time,
  counts: z.array(z.strictObject({ cause: z.string(), network: z.string(), count: z.int().min(1) })),
  samples: z.array(
    z.strictObject({
      time,
      cause: z.string(),
      requestId: z.string().nullable(),
      address: z.string(),
      detail: z.string(),
    }),
  ),
});

const system = z.strictObject({
  ...head,
  kind: z.literal('system'),
  event: z.enum([
    'start',
    'stop',
    'bundle-loaded',
    'bundle-refused',
    'recovered',
    'credential-changed',
    'latch-closed',
    'latch-opened',
  ]),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** One line of the audit log. */
export const auditRecordSchema = z
  .discriminatedUnion('kind', [intent, outcome, delivery, end, request, refusals, system])
  .describe('One line of audit.jsonl.');

/** One record as it is read back. */
export type AuditRecord = z.output<typeof auditRecordSchema>;

/** The JSON Schema (2020-12) of one line; `openapi/audit-record.schema.json` is made from it. */
export function auditRecordJsonSchema(): unknown {
  return { title: 'Audit record of lm-token-broker', ...z.toJSONSchema(auditRecordSchema) };
}

/**
 * An event as JSON, taken at this moment: later changes to it do not show. Text is kept exact; JSON has no raw newline.
 * Throws a `TypeError` for what JSON cannot hold.
 */
export function eventBody(event: AuditEvent): string {
  const { kind, ...rest } = event;
  return JSON.stringify({ kind, ...rest });
}

/** The line of a record, its newline included. `time` is RFC 3339, `body` comes from `eventBody`. */
export function recordLine(seq: number, time: string, body: string): string {
  return `{"v":${RECORD_VERSION},"seq":${seq},"time":"${time}",${body.slice(1)}\n`;
}

/** A time of the clock (epoch ms) as records have it: RFC 3339, UTC, with milliseconds. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
