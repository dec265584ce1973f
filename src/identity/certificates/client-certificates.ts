import { createHash } from 'node:crypto';
import { id_kp_clientAuth } from '@peculiar/asn1-x509';
import type { Clock } from '../../mint/clock.ts';
import type { PeerCertificate } from '../../mint/ports.ts';
import { type Refusal, refused } from '../refusals.ts';
import { callerName } from './caller-name.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { pathsTo } from './path.ts';
import { Trust } from './trust.ts';

/** How it stands with the CAs and revocation lists. */
export interface ClientTrustState {
  readonly ok: boolean;
  readonly fault: string | null;
}

/** A path as it is asked about at every request; epoch milliseconds. */
interface Way {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revoked: boolean;
  /** Until when the revocation lists say that it is not revoked. */
  readonly knownUntil: number;
}

/** A client certificate that was judged by one trust: its name and its ways to a CA, or why it has none. */
interface Judged {
  readonly trust: Trust;
  /** Which certificates it was judged with. */
  readonly chain: string;
  readonly sent: readonly Uint8Array[];
  readonly outcome: { readonly name: string; readonly ways: readonly Way[] } | Refusal;
}

/** How many certificates of a peer are looked at, its own included. */
const MAX_CHAIN = 8;
const REMEMBERED = 5_000;

/**
 * Judges client certificates by the CAs and revocation lists of today, at every request: of the handshake nothing
 * counts but that the peer has the key. Signatures are verified once per certificate and trust; times are looked at
 * each time, with no leeway.
 *
 * A resumed TLS session brings the client's own certificate alone, so what came with it before is remembered, for the
 * last 5000 certificates that had a way to a CA.
 */
export class ClientCertificates {
  readonly #clock: Clock;
  #trust: Trust | undefined;
  /** By connection, good or bad. */
  readonly #judged = new WeakMap<PeerCertificate, Judged>();
  /** By the hash of the client's own certificate, good ones only, so that strangers displace nobody. */
  readonly #remembered = new Map<string, Judged>();

  constructor(parts: { clock: Clock }) {
    this.#clock = parts.clock;
  }

  /** Trusts these CAs and lists (PEM) from now on, in place of the ones before. Throws `TrustFault`, and changes nothing then. */
  async trust(files: { readonly ca: string; readonly crl: string | undefined }): Promise<void> {
    this.#trust = await Trust.read(files);
  }

  /** What the certificate calls its owner (`callerName`), now that it is found good. Throws `unauthenticated`. */
  nameOf(peer: PeerCertificate): string {
    const trust = this.#trust;
    if (trust === undefined) throw refused('certificate-untrusted');
    let judged = this.#judged.get(peer);
    if (judged?.trust !== trust) {
      judged = this.#judge(peer, trust);
      this.#judged.set(peer, judged);
    }
    if (typeof judged.outcome === 'string') throw refused(judged.outcome);
    const { name, ways } = judged.outcome;
    const refusal = refusalNow(ways, this.#clock.now());
    if (refusal !== undefined) throw refused(refusal);
    return name;
  }

  state(): ClientTrustState {
    const overdue = this.#trust?.overdue(this.#clock.now()) ?? [];
    if (overdue.length === 0) return { ok: true, fault: null };
    return { ok: false, fault: `the revocation list is overdue: ${overdue.join('; ')}` };
  }

  #judge({ chain: [own, ...came] }: PeerCertificate, trust: Trust): Judged {
    if (own === undefined) return { trust, chain: '', sent: [], outcome: 'certificate-unfit' };
    const hash = hashOf([own]);
    const before = this.#remembered.get(hash);
    const sent = came.length > 0 ? came.slice(0, MAX_CHAIN - 1) : (before?.sent ?? []);
    const chain = hashOf([own, ...sent]);
    const judged =
      before?.trust === trust && before.chain === chain
        ? before
        : { trust, chain, sent, outcome: judge(own, sent, trust) };
    if (typeof judged.outcome !== 'string') this.#remember(hash, judged);
    return judged;
  }

  #remember(hash: string, judged: Judged): void {
    this.#remembered.delete(hash); // so that it stands last, as the newest
    this.#remembered.set(hash, judged);
    if (this.#remembered.size <= REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}

function judge(own: Uint8Array, sent: readonly Uint8Array[], trust: Trust): Judged['outcome'] {
  const leaf = read(own);
  if (leaf === undefined || leaf.fault !== undefined) return 'certificate-unfit';
  const cas = sent.flatMap((der) => read(der) ?? []);
  const paths = pathsTo(trust.cas, leaf, cas);
  if (paths.length === 0) return 'certificate-untrusted';
  const name = callerName(leaf);
  if (name === undefined || !isForClients(leaf)) return 'certificate-unfit';
  const ways = paths.map((path): Way => {
    const standing = trust.standing(path);
    return {
      notBefore: Math.max(...path.map(({ notBefore }) => notBefore)),
      notAfter: Math.min(...path.map(({ notAfter }) => notAfter)),
      revoked: standing === 'revoked',
      knownUntil: standing === 'revoked' ? Number.NEGATIVE_INFINITY : standing,
    };
  });
  return { name, ways };
}

/** X509-SVID, sections 4 and 5, for every client: it issues nothing, it signs, and its extended key usage, if there is one, names clients. */
function isForClients({ isCa, x509, keyUsage, extendedKeyUsage }: Certificate): boolean {
  if (isCa || x509.ca) return false;
  if (keyUsage !== undefined) {
    if (keyUsage.includes('keyCertSign') || keyUsage.includes('crlSign')) return false;
    if (!keyUsage.includes('digitalSignature')) return false;
  }
  return extendedKeyUsage === undefined || extendedKeyUsage.includes(id_kp_clientAuth);
}

/** Undefined when one way is good at this moment. Written so that a time that is none refuses. */
function refusalNow(ways: readonly Way[], now: number): Refusal | undefined {
  const begun = ways.filter(({ notBefore }) => now >= notBefore);
  if (begun.length === 0) return 'certificate-not-yet-valid';
  const inTime = begun.filter(({ notAfter }) => now <= notAfter);
  if (inTime.length === 0) return 'certificate-expired';
  const standing = inTime.filter(({ revoked }) => !revoked);
  if (standing.length === 0) return 'certificate-revoked';
  return standing.some(({ knownUntil }) => now <= knownUntil) ? undefined : 'certificate-status-unknown';
}

function read(der: Uint8Array): Certificate | undefined {
  try {
    return readCertificate(der);
  } catch {
    return undefined;
  }
}

function hashOf(certificates: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  // Each is one DER element, so where it ends is part of what is hashed.
  for (const der of certificates) hash.update(der);
  return hash.digest('base64');
}
