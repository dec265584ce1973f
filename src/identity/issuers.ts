import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { endpointFault } from './endpoint.ts';

/** Signatures that only the issuer can make; a shared secret would let the broker, or who reads it, sign too. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

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

const issuerSchema = (folder: string) =>
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
    jwks: endpoint.optional(),
    ca: authorities(folder).optional(),
  });

/** The schema of `issuers.yaml` in a bundle's folder; parse it asynchronously, since it reads what `ca` names. */
export const issuersSchema = (folder: string) =>
  z.strictObject({
    issuers: z
      .array(issuerSchema(folder), { error: 'must be a list' })
      .min(1, 'must declare an issuer')
      .superRefine((issuers, context) => {
        if (issuers.length > 1) {
          context.addIssue({
            code: 'custom',
            path: [1],
            message: 'has a second entry; several issuers are not available yet',
          });
        }
      }),
  });

/** Who signs callers' tokens, and what of theirs is taken. `maxTokenAge` is in seconds, `ca` is PEM. */
export type Issuer = z.output<ReturnType<typeof issuersSchema>>['issuers'][number];
