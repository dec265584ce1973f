import { id_kp_clientAuth } from '@peculiar/asn1-x509';
import type { Certificate } from './certificate.ts';

/** A client certificate, then the CA that issued it, and so on to one that is trusted; each signed by the next. */
export type Path = readonly Certificate[];

/** How many CAs a path may have. */
const MAX_CAS = 6;
/** How many signatures are verified at most for one client certificate, whatever CAs come with it. */
const MAX_SIGNATURES = 24;
const ANY_PURPOSE = '2.5.29.37.0';

/**
 * Every path from a certificate to a trusted CA, those with a trusted CA sooner first (RFC 5280, section 6, without times and
 * revocation, which change). A CA may issue when its basic constraints, its key usage and its path length say so, and its extended key usage, if
 * it has one, covers clients. A path ends at the first CA that is trusted.
 */
export function pathsTo(
  trusted: readonly Certificate[],
  leaf: Certificate,
  sent: readonly Certificate[],
): Path[] {
  let signatures = 0;
  const issued = (certificate: Certificate, issuer: Certificate): boolean => {
    if (!certificate.x509.checkIssued(issuer.x509) || signatures >= MAX_SIGNATURES) return false;
    signatures += 1;
    return certificate.x509.verify(issuer.x509.publicKey);
  };
  const from = (certificate: Certificate, below: readonly Certificate[]): Path[] => {
    if (!certificate.fitSignature || below.length >= MAX_CAS) return [];
    const path = [...below, certificate];
    const issues = (issuer: Certificate) => mayIssue(issuer, path) && issued(certificate, issuer);
    const ends = trusted.filter(issues).map((issuer): Path => [...path, issuer]);
    const ways = sent.filter((ca) => !path.includes(ca) && issues(ca)).flatMap((ca) => from(ca, path));
    return [...ends, ...ways];
  };
  return from(leaf, []);
}

/** Whether a CA may stand above the certificates of `path`, the client's first. */
function mayIssue(ca: Certificate, path: readonly Certificate[]): boolean {
  if (ca.fault !== undefined || !isCa(ca)) return false;
  if (ca.keyUsage !== undefined && !ca.keyUsage.includes('keyCertSign')) return false;
  const purposes = ca.extendedKeyUsage;
  if (purposes !== undefined && !purposes.includes(id_kp_clientAuth) && !purposes.includes(ANY_PURPOSE))
    return false;
  const between = path.slice(1).filter(({ subject, issuer }) => !Buffer.from(subject).equals(issuer));
  return between.length <= (ca.pathLength ?? Number.POSITIVE_INFINITY);
}

/** Whether it is a CA's certificate, by what two readers say that know nothing of one another. */
export function isCa({ isCa, x509 }: Certificate): boolean {
  return isCa && x509.ca;
}
