import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { ALGORITHMS } from './algorithms.ts';
import { endpointFault } from './endpoint.ts';
import { readKeyFile } from './key-file.ts';
import type { VerificationKey } from './keys.ts';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const MAX_AGE_S = 366 * SECONDS.d;

/** `90s`, `45m`, `24h`, `7d`: one unit, no fraction; in seconds. */
const duration = z
  .string({ error: 'must be a time such as `45m`' })
  .regex(/^[1-9][0-9]{0,7}[smhd]$/, 'must be a whole number and one unit of s, m, h, d, such as `45m`')
  .transform((text) => {
    const unit = z.enum(['s', 'm', 'h', 'd']).parse(text.slice(-1));
    return Number(text.slice(0, -1)) * SECONDS[unit];
  })
  .refine((seconds) => seconds <= MAX_AGE_S, 'must be at most 366d');

const text = z.string({ error: 'must be text' });

const endpoint = text.superRefine((url, context) => {
  const fault = endpointFault(url, { loopback: true });
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

/** Certificate authorities, read from a file: relative to the bundle, PEM, at least one. */
const authorities = (folder: string) =>
  text.transform(async (path, context) => {
    try {
      const pem = await readFile(resolve(folder, path), 'utf8');
      new X509Certificate(pem);
      return pem;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a file with a certificate in PEM' });
      return z.NEVER;
    }
  });

/** Whether `jwks` is meant as a URL; else it is the path of a file. */
const isUrl = (jwks: string) => /^[a-z][a-z0-9+.-]*:/i.test(jwks);

const entrySchema = (folder: string) =>
  z.strictObject({
    alias: text
      .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a letter, then letters, digits or `-` (a-z), at most 31')
      .refine((alias) => alias !== 'mtls', 'is reserved'),
    issuer: endpoint.refine((url) => !url.includes('?'), 'must not have a query'),
    audience: text.min(1, 'must not be empty: without it tokens for others would be taken'),
    algorithms: z
      .array(z.enum(ALGORITHMS, { error: `must be of ${ALGORITHMS.join(', ')}` }), {
        error: 'must be a list',
      })
      .min(1, 'must name one')
      .default(['RS256', 'ES256']),
    maxTokenAge: duration.default(SECONDS.d),
    subjectClaim: text.min(1, 'must name a claim').default('sub'),
    jwks: text
      .superRefine((jwks, context) => {
        const fault = isUrl(jwks) ? endpointFault(jwks, { loopback: true }) : undefined;
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
      })
      .optional(),
    ca: authorities(folder).optional(),
  });

/** One entry, in which `keys` has taken the place of a `jwks` that names a file. */
const issuerSchema = (folder: string) =>
  entrySchema(folder).transform(async ({ jwks, ...entry }, context): Promise<Issuer> => {
    if (jwks === undefined) return entry;
    if (isUrl(jwks)) return { ...entry, jwks };
    const keys = await readKeyFile(resolve(folder, jwks), entry.algorithms);
    if (typeof keys !== 'string') return { ...entry, keys };
    context.addIssue({ code: 'custom', path: ['jwks'], message: keys });
    return z.NEVER;
  });

const MAX_ISSUERS = 20;

/**
 * The schema of `issuers.yaml` in a bundle's folder; parse it asynchronously, since it reads the files that `ca` and
 * `jwks` name. Aliases and issuer URLs are each unique, so that a token's `iss` leads to one entry, and a service's
 * issuer to one as well.
 */
export const issuersSchema = (folder: string) =>
  z.strictObject({
    issuers: z
      .array(issuerSchema(folder), { error: 'must be a list' })
      .min(1, 'must declare an issuer')
      .max(MAX_ISSUERS, `must declare at most ${MAX_ISSUERS}`)
      .superRefine((issuers, context) => {
        for (const name of ['alias', 'issuer'] as const) {
          const seen = new Set<string>();
          for (const [index, { [name]: value }] of issuers.entries()) {
            if (seen.has(value)) {
              context.addIssue({ code: 'custom', path: [index, name], message: 'is that of an entry above' });
            }
            seen.add(value);
          }
        }
      }),
  });

/**
 * Who signs callers' tokens, and what of theirs is taken. `maxTokenAge` is in seconds, `ca` is PEM. The keys are
 * `keys`, else at the URL `jwks`, else found by discovery.
 */
export interface Issuer extends z.output<ReturnType<typeof entrySchema>> {
  readonly keys?: readonly VerificationKey[];
}
