import type { z } from 'zod';
import { adminIdSchema } from './ids.ts';
import { jsonPointer, readJson } from './json.ts';
import type { MintCall } from './ports.ts';
import { Problem, type RequestFault } from './problems.ts';
import { type MintRequest, mintBodySchema } from './request.ts';

/** What was asked, and whether policy alone is asked about it. */
export interface Validated {
  readonly request: MintRequest;
  readonly dryRun: boolean;
}

/** Parts of the contract that are announced but not served yet: refused by name, never ignored. */
const NOT_YET = 'is not available yet; leave it out';
const CHARSET = /^charset[ \t]*=[ \t]*(?:utf-8|"utf-8")$/i;
/** A longer `Content-Type` is none that we take, and is not looked at. */
const MAX_MEDIA_TYPE = 100;
/** How much of a pointer is told and recorded: what a caller made up may be as long as its body. */
const MAX_POINTER = 200;

/**
 * Reads and checks what was asked: media type, path, query, headers, then the body. All faults are told at once.
 *
 * Throws `unsupported-media-type`, `invalid-request`, and what reading the body throws (`payload-too-large`,
 * `request-timeout`).
 */
export async function validate(call: MintCall): Promise<Validated> {
  if (!isJson(call.contentType) || !/^(?:identity)?$/i.test(call.contentEncoding)) {
    throw new Problem(
      'unsupported-media-type',
      'Send the body as `application/json` in UTF-8, without a content encoding.',
    );
  }
  const body = await call.readBody();
  const { dryRun, faults } = readQuery(call.query);
  if (call.idempotencyKeys.length > 0 && !dryRun)
    faults.push({ pointer: 'header:Idempotency-Key', detail: NOT_YET });
  const admin = adminIdSchema.safeParse(call.adminId);
  if (!admin.success) faults.push(...faultsOf(admin.error, 'path:id'));
  const read = readJson(body);
  if (!read.ok) throw invalid([...faults, ...read.faults]);
  const asked = mintBodySchema.safeParse(read.value);
  if (!asked.success) faults.push(...faultsOf(asked.error));
  if (!admin.success || !asked.success || faults.length > 0) throw invalid(faults);
  return { request: { adminId: admin.data, ...asked.data }, dryRun };
}

/** `application/json`, with no parameter but `charset=utf-8`. */
function isJson(contentType: string): boolean {
  if (contentType.length > MAX_MEDIA_TYPE) return false;
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  const given = parameters.filter((parameter) => parameter !== '');
  return /^application\/json$/i.test(type) && given.length <= 1 && given.every((one) => CHARSET.test(one));
}

function invalid(faults: readonly RequestFault[]): Problem {
  return new Problem('invalid-request', 'The request has faults; `errors` names each.', {
    errors: faults
      .slice(0, 20)
      .map(({ pointer, detail }) => ({ pointer: pointer.slice(0, MAX_POINTER), detail })),
  });
}

/** The query has one parameter, `dryRun`, `true` or `false`, at most once. */
function readQuery(query: string): { readonly dryRun: boolean; readonly faults: RequestFault[] } {
  const parameters = new URLSearchParams(query);
  const given = parameters.getAll('dryRun');
  const faults = [...new Set(parameters.keys())]
    .filter((name) => name !== 'dryRun')
    .slice(0, 20)
    .map((name) => ({
      pointer: `query:${name.slice(0, 100)}`,
      detail: 'is not a parameter of this path',
    }));
  if (given.length > 1) faults.push({ pointer: 'query:dryRun', detail: 'must stand there once' });
  else if (given.some((value) => value !== 'true' && value !== 'false'))
    faults.push({ pointer: 'query:dryRun', detail: 'must be `true` or `false`' });
  return { dryRun: given[0] === 'true', faults };
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
