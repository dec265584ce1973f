import { z } from 'zod';
import { CLAIM_TYPES, type DeclaredClaim } from './claims.ts';

/** Words that mean something in Cedar, or in its JSON, so that an attribute of that name could not be spoken of. */
const RESERVED = new Set([
  ...['true', 'false', 'if', 'then', 'else', 'in', 'is', 'like', 'has'],
  ...['__cedar', '__entity', '__extn', '__expr', '__proto__'],
]);
const MAX_CLAIMS = 50;
const MAX_DEPTH = 10;
const NAME_RULE =
  'must be named by a letter or `_`, then letters, digits or `_`, at most 64, and by no word of Cedar’s own';
const TYPE_RULE = `must be of ${CLAIM_TYPES.join(', ')}`;

const type = z
  .enum(CLAIM_TYPES, { error: TYPE_RULE })
  .describe('The type that the claim must have. Another one in a token makes policy refuse the request.');

const memberName = z.string({ error: 'must be text' }).min(1, 'must not be empty').max(256, 'is too long');

const name = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/)
  .refine((text) => !RESERVED.has(text));

const declaration = z.union(
  [
    type,
    z.strictObject({
      type,
      from: z
        .array(memberName, { error: 'must be a list of names' })
        .min(1, 'must name one')
        .max(MAX_DEPTH)
        .optional()
        .describe(
          'The members that lead to the claim, from the top of the token: `[kubernetes.io, namespace]`. A name with a dot or a slash is one name. Without it the claim has the same name in the token.',
        ),
    }),
  ],
  {
    error: `${TYPE_RULE}, or \`{ type, from }\` with such a type and a list of 1 to ${MAX_DEPTH} names`,
  },
);

/** `claims` of an entry: from the name in `context.claims` to where the claim is and what it must be. */
export const claimsSchema = z
  .record(name, declaration, {
    error: (issue) => (issue.code === 'invalid_key' ? NAME_RULE : 'must be a map from names to types'),
  })
  .refine((claims) => Object.keys(claims).length <= MAX_CLAIMS, `must name at most ${MAX_CLAIMS} claims`)
  .transform((claims): Readonly<Record<string, DeclaredClaim>> => {
    const full = Object.entries(claims).map(([key, declared]): [string, DeclaredClaim] =>
      typeof declared === 'string'
        ? [key, { type: declared, from: [key] }]
        : [key, { type: declared.type, from: declared.from ?? [key] }],
    );
    return Object.fromEntries(full);
  });
