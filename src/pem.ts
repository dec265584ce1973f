/**
 * The DER of every PEM block of a kind, in order (RFC 7468): `CERTIFICATE`, `X509 CRL`. What stands between blocks, such as the
 * text that openssl writes, is no part of them; a block that does not end is none.
 */
export function pemBlocks(text: string, label: string): Buffer[] {
  const blocks = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`, 'g');
  return [...text.matchAll(blocks)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}
