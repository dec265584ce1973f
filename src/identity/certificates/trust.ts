import { pemBlocks } from '../../pem.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { nameText } from './distinguished-name.ts';
import { isCa, type Path } from './path.ts';
import { type RevocationList, RevocationListFault, readRevocationList } from './revocation-list.ts';

/** Why the CAs or the revocation lists that are to be trusted cannot be; `file` is the one at fault. */
export class TrustFault extends Error {
  override readonly name = 'TrustFault';
  readonly file: 'ca' | 'crl';

  constructor(file: 'ca' | 'crl', message: string) {
    super(message);
    this.file = file;
  }
}

/** What the lists say of a path: `revoked`, or until when they say that it is not (epoch ms). */
export type Standing = 'revoked' | number;

/** The CAs and revocation lists of one moment. It never changes; another takes its place. */
export class Trust {
  readonly cas: readonly Certificate[];
  /** Undefined when revocation is not looked at. */
  readonly #lists: readonly RevocationList[] | undefined;
  /** The lists that a CA's key was found to have signed. */
  readonly #listsOf = new Map<string, readonly RevocationList[]>();

  private constructor(cas: readonly Certificate[], lists: readonly RevocationList[] | undefined) {
    this.cas = cas;
    this.#lists = lists;
  }

  /** Reads PEM: CA certificates and nothing else, and the CRLs, when there is a file of them. Throws `TrustFault`. */
  static async read({ ca, crl }: { ca: string; crl: string | undefined }): Promise<Trust> {
    const cas = pemBlocks(ca, 'CERTIFICATE').map(readCa);
    if (cas.length === 0) throw new TrustFault('ca', 'holds no certificate in PEM form');
    if (crl === undefined) return new Trust(cas, undefined);
    const lists: RevocationList[] = [];
    for (const der of pemBlocks(crl, 'X509 CRL')) lists.push(await readList(der));
    if (lists.length === 0) throw new TrustFault('crl', 'holds no revocation list in PEM form');
    const trust = new Trust(cas, lists);
    for (const list of lists) {
      const issuers = cas.filter(({ subject }) => Buffer.from(subject).equals(list.issuer));
      // One of a CA that is not among these may be that of an intermediate, which its clients send along.
      if (issuers.length > 0 && !issuers.some((issuer) => trust.#signed(issuer).includes(list)))
        throw new TrustFault('crl', `has a list of ${list.issuerText} that this CA has not signed`);
    }
    return trust;
  }

  /**
   * A path is revoked when any list of an issuer in it has the certificate below, also one whose time is over. When
   * it is not, that holds as long as the lists do: the issuer of the client certificate must have one that is not over;
   * a CA further up without any list revokes nothing.
   */
  standing(path: Path): Standing {
    if (this.#lists === undefined) return Number.POSITIVE_INFINITY;
    let until = Number.POSITIVE_INFINITY;
    for (const [index, certificate] of path.slice(0, -1).entries()) {
      const issuer = path[index + 1];
      const lists = issuer === undefined ? [] : this.#signed(issuer);
      if (lists.some(({ revoked }) => revoked.has(certificate.serial))) return 'revoked';
      if (lists.length > 0) until = Math.min(until, Math.max(...lists.map(({ nextUpdate }) => nextUpdate)));
      else if (index === 0) until = Number.NEGATIVE_INFINITY;
    }
    return until;
  }

  /** The names of CAs whose lists are all over at `now`. */
  overdue(now: number): string[] {
    const newest = new Map<string, number>();
    for (const { issuerText, nextUpdate } of this.#lists ?? [])
      newest.set(issuerText, Math.max(nextUpdate, newest.get(issuerText) ?? nextUpdate));
    return [...newest].flatMap(([issuer, nextUpdate]) => (now <= nextUpdate ? [] : [issuer]));
  }

  #signed(issuer: Certificate): readonly RevocationList[] {
    const { fingerprint256 } = issuer.x509;
    const known = this.#listsOf.get(fingerprint256);
    if (known !== undefined) return known;
    const mayList = issuer.keyUsage === undefined || issuer.keyUsage.includes('crlSign');
    const signed = (this.#lists ?? []).filter(
      (list) =>
        mayList && Buffer.from(issuer.subject).equals(list.issuer) && list.isSignedBy(issuer.x509.publicKey),
    );
    this.#listsOf.set(fingerprint256, signed);
    return signed;
  }
}

function readCa(der: Uint8Array): Certificate {
  let certificate: Certificate;
  try {
    certificate = readCertificate(der);
  } catch {
    throw new TrustFault('ca', 'holds a certificate that cannot be read');
  }
  const name = nameText(certificate.subject);
  if (!isCa(certificate)) throw new TrustFault('ca', `holds the certificate of ${name}, which is not a CA`);
  if (certificate.fault !== undefined)
    throw new TrustFault('ca', `holds the certificate of ${name}, which ${certificate.fault}`);
  return certificate;
}

async function readList(der: Uint8Array): Promise<RevocationList> {
  try {
    return await readRevocationList(der);
  } catch (fault) {
    const why = fault instanceof RevocationListFault ? fault.message : 'cannot be read';
    throw new TrustFault('crl', `holds a revocation list that cannot be used: ${why}`);
  }
}
