import { isLoopback } from '../mint/address.ts';

/**
 * What keeps a URL from being one that an issuer's keys may come from; undefined when nothing does. It must be https,
 * or http on this machine where `loopback` allows that, and hold no credentials and no fragment.
 */
export function endpointFault(text: string, { loopback }: { loopback: boolean }): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must not hold credentials';
  if (text.includes('#')) return 'must not have a fragment';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol === 'http:' && loopback && isLoopback(url)) return undefined;
  return loopback ? 'must be https (http only on this machine)' : 'must be https';
}
