import { ClientCertificates } from '../../../src/identity/certificates/client-certificates.ts';
import type { PeerCertificate } from '../../../src/mint/ports.ts';
import { Problem } from '../../../src/mint/problems.ts';
import { Authority, type Issued, type Wishes } from '../../support/certificates.ts';
import { FakeClock } from '../../support/clock.ts';

/** The caller that these tests name. */
export const SPIFFE_ID = 'spiffe://prod.example/ci/runner';
/** The present, a whole second. */
export const NOW = Math.floor(Date.now() / 1000) * 1000;
/** The CA that is trusted in most tests. */
export const root = Authority.root('root');

/** What judges certificates by these CAs and lists, at a time that is `NOW` until it is stepped. */
export async function judgedBy(ca: string, crl?: string) {
  const clock = new FakeClock(NOW);
  const certificates = new ClientCertificates({ clock });
  await certificates.trust({ ca, crl });
  return { clock, certificates, verdict: (...chain: readonly Issued[]) => verdict(certificates, chain) };
}

/** The name of the caller, or the operator's reason why there is none. */
function verdict(certificates: ClientCertificates, chain: readonly Issued[]): string {
  return verdictOf(certificates, { chain: chain.map(({ der }) => der) });
}

export function verdictOf(certificates: ClientCertificates, peer: PeerCertificate): string {
  try {
    return certificates.nameOf(peer);
  } catch (thrown) {
    return thrown instanceof Problem ? String(thrown.extras.operatorReason) : String(thrown);
  }
}

/** A client certificate of that caller. */
export const runner = (ca: Authority, wishes: Wishes = {}): Issued =>
  ca.issue({ uris: [SPIFFE_ID], ...wishes });
