import { createHmac, type KeyObject } from 'node:crypto';
import { Secret } from '../mint/secret.ts';

/** What an LMv1 signature covers, and whose it is. */
export interface Signable {
  /** HTTP method in upper case. */
  readonly verb: string;
  /** Epoch milliseconds; LM takes what is within 30 minutes of its own clock. */
  readonly epochMs: number;
  /** The body exactly as it is sent; empty when none is. */
  readonly body: string | Uint8Array;
  /** The resource path after `/santaba/rest`, without the query string. */
  readonly path: string;
  readonly accessId: string;
  readonly key: KeyObject;
}

/**
 * The value of the `Authorization` header: `LMv1 <access id>:<signature>:<epoch ms>`.
 *
 * The signature is base64 of the lower-case hex text of HMAC-SHA256; LM's page shows only `base64(HMAC-SHA256(…))`,
 * but the raw 32 bytes in base64 are answered with 401.
 * @see https://www.logicmonitor.com/support/rest-api-authentication
 */
export function signLmv1({ verb, epochMs, body, path, accessId, key }: Signable): Secret {
  const hex = createHmac('sha256', key).update(`${verb}${epochMs}`).update(body).update(path).digest('hex');
  return new Secret(`LMv1 ${accessId}:${Buffer.from(hex, 'latin1').toString('base64')}:${epochMs}`);
}
