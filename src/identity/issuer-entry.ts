import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { ALGORITHMS, EDWARDS } from './algorithms.ts';
import { claimsSchema } from './claims-schema.ts';
import { endpointFault } from './endpoint.ts';
import { isTrustDomain } from './spiffe-id.ts';

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

/** Reads a file that an entry names: its path is relative to the bundle's folder. Throws when it cannot be read. */
export type ReadNamed = (path: string) => Promise<Buffer>;

/** Certificate authorities, read from a file: PEM, at least one. */
const authorities = (readNamed: ReadNamed) =>
  text.transform(async (path, context) => {
    try {
      const pem = (await readNamed(path)).toString('utf8');
      new X509Certificate(pem);
      return pem;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a file with a certificate in PEM' });
      return z.NEVER;
    }
  });

/** Whether `jwks` is meant as a URL; else it is the path of a file. */
export const isUrl = (jwks: string) => /^[a-z][a-z0-9+.-]*:/i.test(jwks);

const fields = (readNamed: ReadNamed) =>
  z.strictObject({
    alias: text
      .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be a letter, then letters, digits or `-` (a-z), at most 31')
      .refine((alias) => alias !== 'mtls', 'is reserved')
      .describe('The short name by which entities.yaml and policies call it. `mtls` is reserved.'),
    issuer: endpoint
      .refine((url) => !url.includes('?'), 'must not have a query')
      .optional()
      .describe(
        'The `iss` of its tokens, to the letter: a slash at the end counts. Unless `jwks` stands here too, its keys are found by OpenID Connect discovery at this URL. https, except on this machine. May be left out beside `trustDomain`.',
      ),
    trustDomain: text
      .refine(isTrustDomain, 'must be a SPIFFE trust domain: lower case, without `spiffe://`')
      .optional()
      .describe(
        'Takes the JWT-SVIDs of this SPIFFE trust domain: the `sub` must be a SPIFFE ID of exactly this one. Needs `jwks`. A token without `iss` belongs here by its `sub`; one with an `iss` only if it is the `issuer` of this entry.',
      ),
    audience: text
      .min(1, 'must not be empty: without it tokens for others would be taken')
      .describe('What a token’s `aud` must be, or hold, so that tokens for others are worth nothing here.'),
    algorithms: z
      .array(z.enum(ALGORITHMS, { error: `must be of ${ALGORITHMS.join(', ')}` }), {
        error: 'must be a list',
      })
      .min(1, 'must name one')
      .default(['RS256', 'ES256'])
      .describe('The signature algorithms that are taken, by their literal names.'),
    typ: z
      .enum(['JWT', 'at+jwt'], { error: 'must be `JWT` or `at+jwt`' })
      .optional()
      .describe(
        'Pins the `typ` of a token’s header, which must then be there. Without it a token may have none, `JWT` or `at+jwt`, and a JWT-SVID none, `JWT` or `JOSE`.',
      ),
    maxTokenAge: duration
      .default(SECONDS.d)
      .describe(
        'How long after it was issued (`iat`) a token is taken, whatever its own `exp` says: `45m`, `24h`. 24h when left out, at most 366d.',
      ),
    subjectClaim: text
      .min(1, 'must name a claim')
      .default('sub')
      .describe(
        'The claim that names the subject. A token without it is refused: no other claim stands in. Take one that neither the job nor an outsider can choose.',
      ),
    jwks: text
      .superRefine((jwks, context) => {
        const fault = isUrl(jwks) ? endpointFault(jwks, { loopback: true }) : undefined;
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
      })
      .optional()
      .describe(
        'Where the keys are, instead of by discovery: a URL, or a file with a JWK set, relative to the bundle. With a file nothing is fetched, and a new key needs a reload.',
      ),
    jwksTokenFile: text
      .min(1, 'must name a file')
      .optional()
      .describe(
        'A file with a bearer token for the URL of `jwks`, and for no other: a Kubernetes API server may want one. It is read at each fetch. An absolute path, or one from the broker’s working directory: it is a secret, and does not belong in the bundle.',
      ),
    tryAllKeys: z
      .boolean({ error: 'must be true or false' })
      .default(false)
      .describe(
        'Whether a token that names no key may be tried with each that fits, up to ten. Without it such a token is taken only while a single key fits.',
      ),
    ca: authorities(readNamed)
      .optional()
      .describe(
        'A file with the certificate authorities to trust for these fetches instead of the system’s: PEM, relative to the bundle.',
      ),
    claims: claimsSchema
      .prefault({})
      .describe(
        'The claims that policies may read, as `context.claims.<name>`; all others are left out. Each name leads to a type: String, Long, Bool or Set<String>.',
      ),
  });

/** One entry of `issuers.yaml`, its keys each by itself and as far as they depend on one another. */
export const entrySchema = (readNamed: ReadNamed) =>
  fields(readNamed).superRefine((entry, context) => {
    const fault = (key: keyof typeof entry, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (entry.jwksTokenFile !== undefined && !isUrl(entry.jwks ?? '')) {
      fault('jwksTokenFile', 'goes with a URL in `jwks`: the token is sent to no other place');
    }
    if (entry.trustDomain === undefined) {
      if (entry.issuer === undefined) fault('issuer', 'is missing');
      return;
    }
    if (entry.jwks === undefined) fault('trustDomain', 'goes with `jwks`: there is no discovery for it');
    if (entry.subjectClaim !== 'sub') fault('subjectClaim', 'must be `sub` beside `trustDomain`');
    if (entry.typ === 'at+jwt') fault('typ', 'cannot be `at+jwt` beside `trustDomain`');
    if (entry.algorithms.some((algorithm) => EDWARDS.has(algorithm))) {
      fault('algorithms', 'cannot hold EdDSA or Ed25519 beside `trustDomain`: no JWT-SVID is signed by it');
    }
  });
