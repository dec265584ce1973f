import { z } from 'zod';
import { REQUIREMENTS } from '../mint/obligations.ts';
import { DENIAL_REASONS } from '../mint/problems.ts';

/** The path parameter of everything below `/admins/:id`, as the document shows it. */
export const adminPathSchema = z.object({
  id: z.int().min(1).max(2_147_483_647).describe('The LogicMonitor user id, decimal, without leading zeros.'),
});

/** The query of `POST /admins/:id/tokens`. */
export const mintQuerySchema = z.object({
  dryRun: z
    .enum(['true', 'false'])
    .optional()
    .describe('`true`: policy is asked, the answer is recorded, and nothing is minted.'),
});

/** The 200 of `POST /admins/:id/tokens?dryRun=true`. */
export const dryRunAnswerSchema = z
  .object({
    decision: z.enum(['allow', 'deny']).describe('What policy says to this request at this moment.'),
    reason: z.enum(DENIAL_REASONS).nullable().describe('Why it is denied; null when it is allowed.'),
    decisionId: z.string().describe('By which the operator finds the whole decision.'),
    obligations: z
      .object({
        require: z.array(z.enum(REQUIREMENTS)).describe('What a request like this must bring.'),
      })
      .describe('What policy asks for in return.'),
  })
  .describe('What became of a dry run: no token, and no secret.');

/** The 201 of `POST /admins/:id/tokens`. */
export const mintAnswerSchema = z
  .object({
    id: z.int().describe('LogicMonitor’s id of the token.'),
    adminId: z.int().describe('The LogicMonitor user that the token belongs to.'),
    accessId: z.string().nullable().describe('The public half of the pair; a bearer token may have none.'),
    accessKey: z.string().describe('The secret. It is shown this once.'),
    note: z.string().describe('The caller’s own note, without the marker of the broker.'),
    status: z.union([z.literal(1), z.literal(2)]).describe('1 is disabled, 2 is enabled.'),
    type: z.enum(['API token', 'bearer']),
    createdOn: z.int().describe('When LogicMonitor made it, epoch seconds.'),
    expiresAt: z.iso.datetime().nullable().describe('When the broker ends the token; null: it has no end.'),
    mintId: z.string().describe('The id of this mint, in the audit log and in LogicMonitor’s note.'),
  })
  .describe('A new token.');

/** `application/problem+json`, RFC 9457. */
export const problemSchema = z
  .object({
    type: z.string().describe('A stable URI path that ends in the name of the problem.'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('What happened this time, and what to do.'),
    instance: z.string(),
    requestId: z.string().describe('Quote it to the team that runs the broker.'),
    reason: z.enum(DENIAL_REASONS).optional().describe('With `policy-denied`: why.'),
    decisionId: z
      .string()
      .optional()
      .describe('With `policy-denied`: by which the operator finds the decision.'),
    mintId: z.string().optional().describe('With `outcome-unknown`: the attempt.'),
    errors: z
      .array(
        z.object({
          pointer: z
            .string()
            .describe('A JSON pointer into the body, or `path:`, `query:`, `header:` and a name.'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('With `invalid-request`: each fault.'),
  })
  .describe('A problem, RFC 9457.');

/** The answer of `GET /healthz`. */
export const healthSchema = z.object({ status: z.literal('alive') });

/** How one part of the broker is. */
const partSchema = z.enum(['ok', 'degraded', 'failed']);

/** The answer of `GET /readyz`. */
export const readySchema = z
  .object({
    status: z.enum(['ready', 'degraded', 'starting', 'draining', 'unready']),
    parts: z
      .object({
        policy: partSchema,
        identity: partSchema,
        tls: partSchema.optional(),
        audit: partSchema,
        credential: partSchema,
        logicmonitor: partSchema,
      })
      .describe('Each part and its state.'),
    openIntents: z.int().describe('Attempts of which it is not known what LogicMonitor made of them.'),
    pendingEnds: z.int().describe('Tokens that were not delivered and still have to be ended.'),
  })
  .describe('503 while requests should go elsewhere, else 200.');

export type Ready = z.infer<typeof readySchema>;
export type PartState = z.infer<typeof partSchema>;
