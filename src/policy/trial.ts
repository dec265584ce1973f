import { isIP } from 'node:net';
import { z } from 'zod';
import type { AdminId, PrincipalId } from '../mint/ids.ts';
import { NO_TTL, type Question } from '../mint/ports.ts';
import { mintBodySchema } from '../mint/request.ts';
import type { DeclaredIssuer } from './load.ts';

/**
 * The schema of a request that is tried on a bundle, as test cases and `policy explain` write it: the members of the
 * body of `POST /admins/:id/tokens`, by that schema itself, and who asks, for whom, from where and when. `as` is
 * `alias:subject`, its alias one that the bundle declares; `sourceAddress` is this machine when left out; `time` is
 * UTC, and comes out in epoch milliseconds.
 */
export function trialSchema(issuers: readonly DeclaredIssuer[]) {
  const urls = new Map(issuers.map(({ alias, issuer }) => [alias, issuer]));
  return z.strictObject(
    {
      ...mintBodySchema.shape,
      as: z.string('must be text, `alias:subject`').transform((text, context) => {
        const [, alias = '', subject = ''] = /^([^:]*):(.+)$/s.exec(text) ?? [];
        const issuer = urls.get(alias);
        if (subject === '' || !text.isWellFormed()) {
          context.addIssue({ code: 'custom', message: 'must be `alias:subject`' });
        } else if (issuer === undefined) {
          context.addIssue({ code: 'custom', message: `issuers.yaml declares no issuer \`${alias}\`` });
        } else {
          return { issuer, alias, subject };
        }
        return z.NEVER;
      }),
      admin: z
        .int('must be a whole number, as in LogicMonitor')
        .min(1, 'must be at least 1')
        .max(2_147_483_647, 'must be at most 2147483647')
        .transform((id) => id as AdminId), // brand: checked by the lines above
      sourceAddress: z
        .string('must be text')
        .refine((text) => isIP(text) !== 0, 'must be an IPv4 or IPv6 address')
        .default('127.0.0.1'),
      time: z.iso
        .datetime('must be a time in UTC, such as 2026-01-05T10:00:00Z')
        .transform((text) => Date.parse(text))
        .optional(),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'must be a JSON object' : undefined) },
  );
}

export type Trial = z.output<ReturnType<typeof trialSchema>>;

/** The question that the broker would ask for such a request at `now`, epoch milliseconds. */
export function questionOf(trial: Trial, now: number): Question {
  const { as, admin: adminId, sourceAddress, note, status, type, reason } = trial;
  return {
    action: 'mintToken',
    // brand: policy knows a principal by issuer, alias and subject alone
    principal: { id: '' as PrincipalId, ...as, authenticatedBy: 'jwt' },
    request: { adminId, note, status, type, reason },
    ttlS: NO_TTL,
    wrap: false,
    sourceAddress,
    now,
  };
}
