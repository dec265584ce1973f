import { trustDomainOf } from '../spiffe-id.ts';
import type { Certificate } from './certificate.ts';
import { isEmptyName, nameText } from './distinguished-name.ts';

/** As long as a subject may be in `entities.yaml`. */
const MAX_UNITS = 1024;

/**
 * What a client certificate calls its owner: the SPIFFE ID that is its only URI (X509-SVID, section 2), else its subject by RFC
 * 4514. Undefined when it has a SPIFFE ID beside other URIs, or one that is none, or no name that can be taken.
 */
export function callerName({ uris, subject }: Certificate): string | undefined {
  const name = uris.some((uri) => /^spiffe:/i.test(uri)) ? spiffeId(uris) : subjectText(subject);
  return name === undefined || name === '' || name.length > MAX_UNITS ? undefined : name;
}

function spiffeId([only = '', ...more]: readonly string[]): string | undefined {
  return more.length > 0 || trustDomainOf(only) === undefined ? undefined : only;
}

function subjectText(subject: Uint8Array): string | undefined {
  try {
    return isEmptyName(subject) ? undefined : nameText(subject);
  } catch {
    return undefined;
  }
}
