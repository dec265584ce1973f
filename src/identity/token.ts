import { z } from 'zod';
import { readJson } from '../mint/json.ts';
import { refused } from './refusals.ts';
import type { TokenTimes } from './times.ts';

const MAX_TOKEN_BYTES = 12_288;

/**
 * The token of the one `Authorization: Bearer` header that came (RFC 6750, section 2.1; the scheme in any letter
 * case). Throws `unauthenticated`.
 */
export function bearerToken(authorization: readonly string[]): string {
  const [only, ...more] = authorization;
  if (only === undefined) throw refused('no-credentials');
  if (more.length > 0) throw refused('several-credentials');
  if (only.length > MAX_TOKEN_BYTES + 'Bearer '.length) throw refused('token-too-large');
  const [, token] = /^bearer +([^ ]+)$/i.exec(only) ?? [];
  if (token === undefined) throw refused('not-bearer');
  return token;
}

/** A JWT that was taken apart; nothing of it is trusted before its signature is verified. */
export interface UnverifiedToken {
  readonly compact: string;
  readonly algorithm: string;
  readonly kid: string | undefined;
  readonly header: Readonly<Record<string, unknown>>;
  /** `iss`; only a JWT-SVID may lack it. */
  readonly issuer: string | undefined;
  readonly times: TokenTimes;
  readonly claims: Readonly<Record<string, unknown>>;
}

const PARTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

/**
 * `jwk`, `jku`, `x5u` and `x5c` may stand there and are never looked at. `crit` and `b64` change what the signature
 * covers or what must be understood, so a token that has them is refused, whatever they say.
 */
const headerSchema = z.looseObject({
  alg: z.string(),
  kid: z.string().optional(),
  typ: z.string().optional(),
  crit: z.never().optional(),
  b64: z.never().optional(),
});

/** Types only; values are compared once the signature is verified. What a library would let pass is required here. */
const claimsSchema = z.looseObject({
  iss: z.string().optional(),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  iat: z.number(),
  nbf: z.number().optional(),
});

/**
 * Takes a compact JWS apart: exactly three parts, each strict base64url, header and claims I-JSON objects without a
 * member twice (RFC 7515, sections 4 and 7.1; RFC 8725). Throws `unauthenticated`.
 */
export function parseToken(compact: string): UnverifiedToken {
  const [, headerPart, claimsPart] = PARTS.exec(compact) ?? [];
  if (headerPart === undefined || claimsPart === undefined) throw refused('token-malformed');
  const header = headerSchema.safeParse(jsonOf(headerPart));
  if (!header.success) throw refused('header-unfit');
  const claims = claimsSchema.safeParse(jsonOf(claimsPart));
  if (!claims.success) throw refused('claims-malformed');
  const { alg: algorithm, kid } = header.data;
  const { iss: issuer, exp, iat, nbf } = claims.data;
  return {
    compact,
    algorithm,
    kid,
    header: header.data,
    issuer,
    times: { exp, iat, nbf },
    claims: claims.data,
  };
}

function jsonOf(part: string): unknown {
  const read = readJson(Buffer.from(part, 'base64url'));
  if (!read.ok) throw refused('token-malformed');
  return read.value;
}
