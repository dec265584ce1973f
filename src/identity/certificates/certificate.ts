import { X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  Certificate as Asn1Certificate,
  BasicConstraints,
  ExtendedKeyUsage,
  type Extension,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  KeyUsage,
  type KeyUsageType,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509';
import { inside, TAG } from './der.ts';
import { isFitKey, isFitSignature } from './signatures.ts';

/** What an X.509 certificate says, as far as it matters here. Nothing of it is trusted by having been read. */
export interface Certificate {
  readonly x509: X509Certificate;
  /** DER, as it stands in the certificate. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** The content of its INTEGER, hexadecimal. */
  readonly serial: string;
  /** Epoch milliseconds; valid at both. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** By its basic constraints. */
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  readonly keyUsage: readonly KeyUsageType[] | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** The URIs among its subject alternative names. */
  readonly uris: readonly string[];
  /** Whether the algorithm that its issuer signed it with is good enough. */
  readonly fitSignature: boolean;
  /** Why it can stand nowhere in a path; undefined when nothing speaks against it. */
  readonly fault: string | undefined;
}

/** Critical extensions that are understood. Policies are: none is asked for, so any will do. */
const UNDERSTOOD: readonly string[] = [
  id_ce_basicConstraints,
  id_ce_keyUsage,
  id_ce_extKeyUsage,
  id_ce_subjectAltName,
  id_ce_certificatePolicies,
];

/** Reads one DER certificate (RFC 5280, section 4). Throws when it is none. */
export function readCertificate(der: Uint8Array): Certificate {
  const x509 = new X509Certificate(der);
  const parsed = AsnConvert.parse(x509.raw, Asn1Certificate);
  const [tbs] = inside(x509.raw, TAG.sequence);
  const parts = inside(tbs?.whole ?? new Uint8Array(), TAG.sequence).filter(({ tag }) => tag !== 0xa0);
  const [serial, , issuer, , subject] = parts;
  if (serial === undefined || issuer === undefined || subject === undefined) throw new Error('cut off');
  const extensions = [...(parsed.tbsCertificate.extensions ?? [])];
  const value = <T>(id: string, type: new () => T): T | undefined => {
    const extension = extensions.find(({ extnID }) => extnID === id);
    return extension && AsnConvert.parse(extension.extnValue.buffer, type);
  };
  const constraints = value(id_ce_basicConstraints, BasicConstraints);
  const names = value(id_ce_subjectAltName, SubjectAlternativeName) ?? [];
  const extendedKeyUsage = value(id_ce_extKeyUsage, ExtendedKeyUsage);
  const { algorithm } = parsed.signatureAlgorithm;
  return {
    x509,
    subject: subject.whole,
    issuer: issuer.whole,
    serial: Buffer.from(serial.content).toString('hex'),
    notBefore: x509.validFromDate.getTime(),
    notAfter: x509.validToDate.getTime(),
    isCa: constraints?.cA ?? false,
    pathLength: constraints?.pathLenConstraint,
    keyUsage: value(id_ce_keyUsage, KeyUsage)?.toJSON(),
    extendedKeyUsage: extendedKeyUsage && [...extendedKeyUsage],
    uris: [...names].flatMap(({ uniformResourceIdentifier: uri }) => (uri === undefined ? [] : [uri])),
    fitSignature: isFitSignature(algorithm) && algorithm === parsed.tbsCertificate.signature.algorithm,
    fault: faultOf(x509, extensions),
  };
}

/** Name constraints are refused, not judged: whoever is bound by one here must not pass because nobody looked. */
function faultOf(x509: X509Certificate, extensions: readonly Extension[]): string | undefined {
  const ids = extensions.map(({ extnID }) => extnID);
  if (new Set(ids).size < ids.length) return 'has an extension twice';
  if (ids.includes(id_ce_nameConstraints)) return 'has name constraints, which are not supported';
  const unknown = extensions.find(({ critical, extnID }) => critical && !UNDERSTOOD.includes(extnID));
  if (unknown !== undefined) return `has the critical extension ${unknown.extnID}, which is not supported`;
  if (!isFitKey(x509.publicKey)) return 'has a key that is too weak or of an unknown kind';
  return undefined;
}
