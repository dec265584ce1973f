import { z } from 'zod';
import { type AdminId, adminIdSchema } from './ids.ts';
import { jsonPointer, readJson } from './json.ts';
import { looksLikeMarker } from './marker.ts';
import type { MintCall } from './ports.ts';
import { Problem, type RequestFault } from './problems.ts';
import { PLAIN_TEXT } from './text.ts';

const tooLong = (maxUnits: number): string => `must be at most ${maxUnits} UTF-16 code units long`;

/** Text that LM, policy and reviewers can all hold: bounded, well-formed, nothing that moves a cursor or reorders a line. */
const plainText = (maxUnits: number) =>
  z
    .string('must be a string')
    // zod counts code points, as JSON Schema's `maxLength` does; LM's own count is not known, so the larger one rules.
    .max(maxUnits, { error: tooLong(maxUnits), abort: true })
    .refine((text) => text.length <= maxUnits, tooLong(maxUnits))
    .regex(PLAIN_TEXT, 'must not contain control, line-separator or bidirectional characters')
    .refine((text) => text.isWellFormed(), 'must not contain a lone surrogate');

/** The body of `POST /admins/:id/tokens`. */
export const mintBodySchema = z
  .strictObject(
    {
      note: plainText(200)
        .refine((text) => !looksLikeMarker(text), 'must not contain `[lmtb:`, which the broker writes itself')
        .default('')
        .describe('Shown in LogicMonitor, followed by the marker of the broker.'),
      status: z
        .union([z.literal(1), z.literal(2)], 'must be 1 or 2')
        .default(2)
        .describe('LogicMonitor’s values: 1 is disabled, 2 is enabled.'),
      type: z
        .enum(['API token', 'bearer'], 'must be "API token" or "bearer"')
        .default('API token')
        .describe('What LogicMonitor makes: a key pair for LMv1 signatures, or a bearer token.'),
      reason: plainText(500)
        .optional()
        .describe('Why the token is needed: for policy and audit only, never sent to LogicMonitor.'),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'the body must be a JSON object' : undefined) },
  )
  .describe('What to mint; `{}` at least.');

/** What the caller asked for, validated. */
export type MintRequest = z.output<typeof mintBodySchema> & { readonly adminId: AdminId };

/** Parts of the contract that are announced but not served yet: refused by name, never ignored. */
const NOT_YET = 'is not available yet; leave it out';
const MEDIA_TYPE =
  /^application\/json[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*(?:utf-8|"utf-8")[ \t]*)?;?[ \t]*$/i;

/**
 * Reads and checks what was asked: media type, path, query, headers, then the body. All faults are told at once.
 *
 * Throws `unsupported-media-type`, `invalid-request`, and what reading the body throws (`payload-too-large`,
 * `request-timeout`).
 */
export async function validate(call: MintCall): Promise<MintRequest> {
  if (!MEDIA_TYPE.test(call.contentType) || !/^(?:identity)?$/i.test(call.contentEncoding)) {
    throw new Problem(
      'unsupported-media-type',
      'Send the body as `application/json` in UTF-8, without a content encoding.',
    );
  }
  const body = await call.readBody();
  const faults: RequestFault[] = [...queryFaults(call.query)];
  if (call.idempotencyKeys.length > 0) faults.push({ pointer: 'header:Idempotency-Key', detail: NOT_YET });
  const admin = adminIdSchema.safeParse(call.adminId);
  if (!admin.success) faults.push(...faultsOf(admin.error, 'path:id'));
  const read = readJson(body);
  if (!read.ok) throw invalid([...faults, ...read.faults]);
  const asked = mintBodySchema.safeParse(read.value);
  if (!asked.success) faults.push(...faultsOf(asked.error));
  if (!admin.success || !asked.success || faults.length > 0) throw invalid(faults);
  return { adminId: admin.data, ...asked.data };
}

function invalid(faults: readonly RequestFault[]): Problem {
  return new Problem('invalid-request', 'The request has faults; `errors` names each.', {
    errors: faults.slice(0, 20),
  });
}

function queryFaults(query: string): RequestFault[] {
  return [...new Set(new URLSearchParams(query).keys())].slice(0, 20).map((name) => ({
    pointer: `query:${name.slice(0, 100)}`,
    detail: name === 'dryRun' ? NOT_YET : 'is not a parameter of this path',
  }));
}

const NOT_YET_MEMBERS = new Set(['ttl', 'wrapTtl']);

/** The faults of a schema as pointers; what is at the top of something other than the body is named by `place`. */
function faultsOf(error: z.ZodError, place?: string): RequestFault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        pointer: jsonPointer([...issue.path, key.slice(0, 100)]),
        detail: NOT_YET_MEMBERS.has(key) ? NOT_YET : 'is not a member that this API knows',
      }));
    }
    return [{ pointer: place ?? jsonPointer(issue.path), detail: issue.message }];
  });
}
