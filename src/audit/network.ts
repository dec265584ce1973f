import { isIPv4, isIPv6 } from 'node:net';

const MAPPED = /^::ffff:([\d.]+)$/i;

/** The network that an address is counted under: its /24, or its /48 for IPv6; `unknown` for what is no address. */
export function networkOf(address: string): string {
  const v4 = MAPPED.exec(address)?.[1] ?? address;
  if (isIPv4(v4)) return `${v4.split('.').slice(0, 3).join('.')}.0/24`;
  const bare = address.split('%')[0] ?? '';
  if (!isIPv6(bare)) return 'unknown';
  // The URL parser writes IPv6 in one form only, an embedded IPv4 address in hex.
  const [front = '', back = ''] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const first = front === '' ? [] : front.split(':');
  const last = back === '' ? [] : back.split(':');
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 3).join(':')}::/48`;
}
