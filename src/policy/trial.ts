import { isIP } from 'node:net';
import { z } from 'zod';
import type { AdminId, PrincipalId } from '../mint/ids.ts';
import { NO_TTL, type Question } from '../mint/ports.ts';
import { mintBodySchema } from '../mint/request.ts';
import { sortClaims } from './claims.ts';
import { DURATION_RULE, durationS, MAX_DURATION_S } from './duration.ts';
import { MTLS } from './entities.ts';
import type { DeclaredIssuer } from './load.ts';

const TIME_RULE = `must be seconds, or ${DURATION_RULE.replace('must be ', '')}`;

/** Seconds, or text such as `45m`; comes out in seconds. */
const duration = z.union([z.int(), z.string()], TIME_RULE).transform((given, context) => {
  const seconds = typeof given === 'string' ? durationS(given) : given;
  if (seconds !== undefined && seconds >= 1 && seconds <= MAX_DURATION_S) return seconds;
  context.addIssue({ code: 'custom', message: TIME_RULE });
  return z.NEVER;
});

const subject = z
  .string('must be text')
  .min(1, 'must not be empty')
  .refine((text) => text.isWellFormed(), 'must not contain a lone surrogate');

/**
 * The schema of a request that is tried on a bundle, as test cases and `policy explain` write it: the members of the
 * body of `POST /admins/:id/tokens`, by that schema itself, and what else policy is told. `as` is `alias:subject`, its
 * alias one that the bundle declares, or `mtls`; `claims` are by their names in Cedar; `certificate` is whose client
 * certificate the connection has; `ttl` and `wrapTtl` are seconds or text such as `45m`; `sourceAddress` is this
 * machine when left out; `time` is UTC, and comes out in epoch milliseconds.
 */
export function trialSchema(issuers: readonly DeclaredIssuer[]) {
  const declared = new Map(issuers.map((entry) => [entry.alias, entry]));
  declared.set(MTLS, { alias: MTLS, issuer: MTLS, claims: {} });
  return z
    .strictObject(
      {
        ...mintBodySchema.shape,
        ttl: duration.optional(),
        wrapTtl: duration.optional(),
        idempotencyKey: z.boolean('must be true or false').default(false),
        as: z.string('must be text, `alias:subject`').transform((text, context) => {
          const [, alias = '', subject = ''] = /^([^:]*):(.+)$/s.exec(text) ?? [];
          const entry = declared.get(alias);
          if (subject === '' || !text.isWellFormed()) {
            context.addIssue({ code: 'custom', message: 'must be `alias:subject`' });
          } else if (entry === undefined) {
            context.addIssue({ code: 'custom', message: `issuers.yaml declares no issuer \`${alias}\`` });
          } else {
            return { entry, subject };
          }
          return z.NEVER;
        }),
        claims: z.record(z.string(), z.unknown(), 'must be an object').default({}),
        certificate: subject.optional(),
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
    )
    .superRefine(({ as: { entry, subject }, claims, certificate = subject }, context) => {
      for (const name of Object.keys(claims)) {
        if (Object.hasOwn(entry.claims, name)) continue;
        const message = `is not a claim that issuers.yaml declares at ${entry.alias}`;
        context.addIssue({ code: 'custom', path: ['claims', name], message });
      }
      if (entry.alias === MTLS && certificate !== subject)
        context.addIssue({
          code: 'custom',
          path: ['certificate'],
          message: `is the subject of \`as\` when that is of ${MTLS}; leave it out`,
        });
    });
}

export type Trial = z.output<ReturnType<typeof trialSchema>>;

/** The question that the broker would ask for such a request at `now`, epoch milliseconds. */
export function questionOf(trial: Trial, now: number): Question {
  const { as, admin: adminId, sourceAddress, note, status, type, reason } = trial;
  const { alias, issuer, claims } = as.entry;
  const byCertificate = alias === MTLS;
  return {
    action: 'mintToken',
    principal: {
      id: '' as PrincipalId, // brand: policy knows a principal by alias and subject
      issuer,
      alias,
      subject: as.subject,
      authenticatedBy: byCertificate ? 'mtls' : 'jwt',
      ...sortClaims(claims, trial.claims),
      certificate: byCertificate ? as.subject : (trial.certificate ?? null),
    },
    request: { adminId, note, status, type, reason },
    ttlS: trial.ttl ?? NO_TTL,
    wrap: trial.wrapTtl !== undefined,
    keyed: trial.idempotencyKey,
    sourceAddress,
    now,
  };
}
