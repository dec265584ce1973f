import { isIP } from 'node:net';

/**
 * A network address in one form: an IPv4 peer of a dual-stack socket (`::ffff:10.0.0.1`) as IPv4, so that ranges
 * apply to it; IPv6 as the URL standard writes it, and without a zone. Text that is no address is left as it is.
 */
export function plainAddress(address: string): string {
  const [bare = ''] = address.split('%');
  if (isIP(bare) !== 6) return bare;
  const { hostname } = new URL(`http://[${bare}]/`);
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (mapped === null) return hostname.slice(1, -1);
  const [high, low] = mapped.slice(1).map((part) => Number.parseInt(part, 16));
  const octets = [high, low].flatMap((part = 0) => [part >> 8, part & 255]);
  return octets.join('.');
}

/** Whether a URL's host is this machine, so that plain http to it crosses no network. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/.test(hostname);
}
