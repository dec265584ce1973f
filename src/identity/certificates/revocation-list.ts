import type { KeyObject } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { AsnConvert } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Extensions, Time } from '@peculiar/asn1-x509';
import { DerFault, type Element, elements, inside, TAG } from './der.ts';
import { nameText } from './distinguished-name.ts';
import { isFitSignature, isSignedBy } from './signatures.ts';

/** A certificate revocation list (RFC 5280, section 5); trusted for a CA only once that CA's key is found to have signed it. */
export interface RevocationList {
  /** The DER name of the CA whose certificates it is about, and the same as text. */
  readonly issuer: Uint8Array;
  readonly issuerText: string;
  /** Epoch milliseconds; after it the list says nothing any more. */
  readonly nextUpdate: number;
  /** Serials as `Certificate.serial` has them. */
  readonly revoked: ReadonlySet<string>;
  isSignedBy(key: KeyObject): boolean;
}

/** Why a list cannot be used, in words for the operator. */
export class RevocationListFault extends Error {
  override readonly name = 'RevocationListFault';
}

/** After so many entries the event loop gets its turn. */
const ENTRIES_AT_ONCE = 5_000;
const TIMES: readonly number[] = [TAG.utcTime, TAG.generalizedTime];

/**
 * Reads one DER list. It must be whole: one that covers a part of a CA's certificates, those of several CAs or only
 * what is new since another list is refused, as is one that does not say when the next comes. Throws `RevocationListFault`.
 */
export async function readRevocationList(der: Uint8Array): Promise<RevocationList> {
  try {
    return await read(der);
  } catch (fault) {
    if (fault instanceof RevocationListFault) throw fault;
    throw new RevocationListFault('is not a revocation list');
  }
}

async function read(der: Uint8Array): Promise<RevocationList> {
  const [tbs, algorithm, signature] = inside(der, TAG.sequence);
  if (tbs === undefined || algorithm === undefined || signature?.tag !== TAG.bitString)
    throw new DerFault('another shape');
  // A signature's last byte has no unused bits, which the first byte would count.
  if (signature.content[0] !== 0) throw new DerFault('another shape');
  const parts = inside(tbs.whole, TAG.sequence);
  if (parts[0]?.tag === TAG.integer) parts.shift();
  const [inner, issuer, thisUpdate, ...rest] = parts;
  if (inner === undefined || issuer === undefined || !TIMES.includes(thisUpdate?.tag ?? 0))
    throw new DerFault('another shape');
  const issuerText = nameText(issuer.whole);
  const about = `of ${issuerText}`;
  const nextUpdate = TIMES.includes(rest[0]?.tag ?? 0) ? rest.shift() : undefined;
  if (nextUpdate === undefined) throw new RevocationListFault(`${about} does not say when the next is due`);
  const entries = rest[0]?.tag === TAG.sequence ? rest.shift() : undefined;
  checkExtensions(rest, about);
  const { algorithm: oid } = AsnConvert.parse(algorithm.whole, AlgorithmIdentifier);
  if (!isFitSignature(oid) || !Buffer.from(inner.whole).equals(algorithm.whole))
    throw new RevocationListFault(`${about} is signed by an algorithm that is not taken`);
  return {
    issuer: issuer.whole,
    issuerText,
    nextUpdate: AsnConvert.parse(nextUpdate.whole, Time).getTime().getTime(),
    revoked: await serials(entries, about),
    isSignedBy: (key) => isSignedBy(key, oid, tbs.whole, signature.content.subarray(1)),
  };
}

const ISSUING_DISTRIBUTION_POINT = '2.5.29.28';
const DELTA = '2.5.29.27';

function checkExtensions(rest: readonly Element[], about: string): void {
  const [extensions, ...more] = rest;
  if (extensions === undefined) return;
  if (extensions.tag !== 0xa0 || more.length > 0) throw new DerFault('another shape');
  for (const { extnID, critical } of AsnConvert.parse(extensions.content, Extensions)) {
    if (critical || extnID === ISSUING_DISTRIBUTION_POINT || extnID === DELTA)
      throw new RevocationListFault(`${about} has the extension ${extnID}, which is not supported`);
  }
}

async function serials(entries: Element | undefined, about: string): Promise<Set<string>> {
  const revoked = new Set<string>();
  for (const { tag, content } of elements(entries?.content ?? new Uint8Array())) {
    const [serial, , extensions] = elements(content);
    if (tag !== TAG.sequence || serial?.tag !== TAG.integer) throw new DerFault('another shape');
    if (extensions !== undefined && hasCritical(extensions))
      throw new RevocationListFault(
        `${about} has an entry with a critical extension, which is not supported`,
      );
    revoked.add(Buffer.from(serial.content).toString('hex'));
    if (revoked.size % ENTRIES_AT_ONCE === 0) await turn();
  }
  return revoked;
}

function hasCritical({ content }: Element): boolean {
  for (const extension of elements(content)) {
    const [, second] = elements(extension.content);
    if (second?.tag === TAG.boolean && second.content[0] !== 0) return true;
  }
  return false;
}
