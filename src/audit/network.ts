import { isIPv4, isIPv6 } from 'node:net';
import { plainAddress } from '../mint/address.ts';

/** The network that an address is counted under: its /24, or its /48 for IPv6; `unknown` for what is no address. */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  if (!isIPv6(plain)) return 'unknown';
  const [front = '', back = ''] = plain.split('::');
  const first = front === '' ? [] : front.split(':');
  const last = back === '' ? [] : back.split(':');
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return `${[...first, ...zeros, ...last].slice(0, 3).join(':')}::/48`;
}
