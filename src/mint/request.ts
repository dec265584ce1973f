import { z } from 'zod';
import type { AdminId } from './ids.ts';
import { looksLikeMarker } from './marker.ts';
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
