import { createHmac, timingSafeEqual } from 'node:crypto';

/** The parts of `Authorization: LMv1 <accessId>:<signature>:<epoch ms>`. */
interface Lmv1Header {
  accessId: string;
  signature: string;
  epoch: string;
}

/** What a signature is made over: the verb, the time as sent, the body's bytes and the resource path. */
interface Signed {
  verb: string;
  epoch: string;
  body: Uint8Array;
  /** The path after `/santaba/rest`, percent-decoded, without query. */
  path: string;
}

const HEADER = /^LMv1 ([^\s:]+):([A-Za-z0-9+/]+={0,2}):(\d{1,15})$/;

/** Reads the header, or answers undefined when it is not of the LMv1 form. */
export function parseLmv1(header: string): Lmv1Header | undefined {
  const [, accessId, signature, epoch] = HEADER.exec(header) ?? [];
  if (accessId === undefined || signature === undefined || epoch === undefined) return undefined;
  return { accessId, signature, epoch };
}

/**
 * Whether the signature is base64 of the lower-case hex HMAC-SHA256 of verb, epoch, body and path, keyed with
 * the access key. The body is taken as the bytes that came, never as text. Compares in constant time.
 */
export function signatureFits(signature: string, accessKey: string, signed: Signed): boolean {
  const hex = createHmac('sha256', accessKey)
    .update(signed.verb + signed.epoch)
    .update(signed.body)
    .update(signed.path)
    .digest('hex');
  const expected = Buffer.from(Buffer.from(hex).toString('base64'));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}
