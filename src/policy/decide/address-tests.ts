import { BlockList, isIP, isIPv4 } from 'node:net';

/** What Cedar says of one address, by the name of its function; the address is as `plainAddress` gives it. */
export const ADDRESS_TESTS: ReadonlyMap<string, (address: string) => boolean> = new Map([
  ['isIpv4', isIPv4],
  ['isIpv6', (address: string) => !isIPv4(address)],
  // Of an IPv4 address in the form of IPv6 there is none here.
  ['isLoopback', (address: string) => (isIPv4(address) ? address.startsWith('127.') : address === '::1')],
]);

/**
 * Cedar's `isInRange` for a range as a policy writes it, such as `10.0.0.0/8`, or one address; undefined when it is
 * not plainly one. An address of the other family is in no range.
 */
export function rangeTest(range: string): ((address: string) => boolean) | undefined {
  const [, network = '', length] = /^([0-9a-fA-F.:]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(range) ?? [];
  const version = isIP(network);
  // IPv4 within IPv6 is where node:net and Cedar may differ.
  if (version === 0 || (version === 6 && network.includes('.'))) return undefined;
  const [family, bits] = version === 4 ? (['ipv4', 32] as const) : (['ipv6', 128] as const);
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return (address) => isIPv4(address) === (version === 4) && list.check(address, family);
}
