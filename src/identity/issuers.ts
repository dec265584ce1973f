import { z } from 'zod';
import { entrySchema, isUrl, type ReadNamed } from './issuer-entry.ts';
import { keysOfFile } from './key-file.ts';
import type { VerificationKey } from './keys.ts';

type Entry = z.output<ReturnType<typeof entrySchema>>;

/**
 * Who signs callers' tokens, and what of theirs is taken. `maxTokenAge` is in seconds, `ca` is PEM. The keys are
 * `keys`, else at the URL `jwks`, else found by discovery.
 */
export interface Issuer extends Omit<Entry, 'issuer'> {
  /** What stands for it in a principal: the URL of the issuer, or `spiffe://` and the trust domain. */
  readonly issuer: string;
  /** The `iss` of its tokens; undefined for a trust domain whose tokens have none. */
  readonly tokenIssuer: string | undefined;
  readonly keys?: readonly VerificationKey[];
}

/** One entry, in which `keys` has taken the place of a `jwks` that names a file. */
const issuerSchema = (readNamed: ReadNamed) =>
  entrySchema(readNamed).transform(async ({ jwks, issuer, ...entry }, context): Promise<Issuer> => {
    const whole = {
      ...entry,
      issuer: entry.trustDomain === undefined ? String(issuer) : `spiffe://${entry.trustDomain}`,
      tokenIssuer: issuer,
    };
    if (jwks === undefined) return whole;
    if (isUrl(jwks)) return { ...whole, jwks };
    const keys = await readNamed(jwks).then(
      (bytes) => keysOfFile(bytes, entry),
      () => 'must be an https URL, or a file that can be read',
    );
    if (typeof keys !== 'string') return { ...whole, keys };
    context.addIssue({ code: 'custom', path: ['jwks'], message: keys });
    return z.NEVER;
  });

const MAX_ISSUERS = 20;

/**
 * The schema of `issuers.yaml` in a bundle's folder; parse it asynchronously, since it reads the files that `ca` and
 * `jwks` name. Aliases, issuer URLs and trust domains are each unique, so that a token leads to one entry, and a
 * service's issuer to one as well. There may be no entry at all, when callers come by certificate alone.
 */
export const issuersSchema = (readNamed: ReadNamed) =>
  z.strictObject({
    issuers: z
      .array(issuerSchema(readNamed), { error: 'must be a list' })
      .max(MAX_ISSUERS, `must declare at most ${MAX_ISSUERS}`)
      .superRefine((issuers, context) => {
        const once = (key: string, values: readonly (string | undefined)[]) => {
          const seen = new Set<string>();
          for (const [index, value] of values.entries()) {
            if (value === undefined) continue;
            if (seen.has(value)) {
              context.addIssue({ code: 'custom', path: [index, key], message: 'is that of an entry above' });
            }
            seen.add(value);
          }
        };
        once(
          'alias',
          issuers.map(({ alias }) => alias),
        );
        once(
          'issuer',
          issuers.map(({ tokenIssuer }) => tokenIssuer),
        );
        once(
          'trustDomain',
          issuers.map(({ trustDomain }) => trustDomain),
        );
      })
      .describe(
        'Who signs callers’ tokens, at most 20. An empty list when callers come by certificate alone.',
      ),
  });

/** The JSON Schema (draft 2020-12) of `issuers.yaml`, for editors and for a check before the broker reads it. */
export function issuersJsonSchema(): Record<string, unknown> {
  const nothing = () => Promise.reject(new Error('no file is read for a schema'));
  const schema = z.toJSONSchema(issuersSchema(nothing), { io: 'input' });
  return { ...schema, title: 'issuers.yaml', description: 'Whose tokens lm-token-broker takes.' };
}
