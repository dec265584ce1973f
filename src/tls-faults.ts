import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { pairFaults } from './http/tls-pair.ts';
import { pemBlocks } from './pem.ts';

/** The settings that name files of TLS. */
export const TLS_FILES = [
  'TLS_CERT_FILE',
  'TLS_KEY_FILE',
  'TLS_CLIENT_CA_FILE',
  'TLS_CLIENT_CRL_FILE',
] as const;
type ByName = { readonly [Name in (typeof TLS_FILES)[number]]?: string | undefined };

/** Which settings mean nothing without which. */
const NEEDS = [
  ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
  ['TLS_KEY_FILE', 'TLS_CERT_FILE'],
  ['TLS_CLIENT_CA_FILE', 'TLS_CERT_FILE'],
  ['TLS_CLIENT_CRL_FILE', 'TLS_CLIENT_CA_FILE'],
] as const;

/**
 * What is wrong with the settings of TLS, by the names of settings: `paths` as they were set, `texts` as far as the
 * files could be read. Revocation lists are only looked at here; they are read when the broker starts.
 */
export function tlsFaults(paths: ByName, texts: ByName): string[] {
  const faults: string[] = NEEDS.filter(([name, needs]) => paths[name] && !paths[needs]).map(
    ([name, needs]) => `${name} is set, but ${needs} is not.`,
  );
  const {
    TLS_CERT_FILE: certificate,
    TLS_KEY_FILE: key,
    TLS_CLIENT_CA_FILE: ca,
    TLS_CLIENT_CRL_FILE: crl,
  } = texts;
  if (certificate !== undefined && key !== undefined) {
    for (const { of, message } of pairFaults({ certificate, key }))
      faults.push(`TLS_${of === 'key' ? 'KEY' : 'CERT'}_FILE names a file that ${message}.`);
  }
  if (ca !== undefined && !pemBlocks(ca, 'CERTIFICATE').some(isCa))
    faults.push('TLS_CLIENT_CA_FILE names a file that holds no CA certificate in PEM form.');
  if (crl !== undefined && !holdsLists(crl))
    faults.push('TLS_CLIENT_CRL_FILE names a file that holds no revocation list in PEM form.');
  return faults;
}

function isCa(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).ca;
  } catch {
    return false;
  }
}

function holdsLists(pem: string): boolean {
  try {
    createSecureContext({ crl: pem, ca: [] });
    return pemBlocks(pem, 'X509 CRL').length > 0;
  } catch {
    return false;
  }
}
