import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** A server certificate, with its chain, and its private key; both PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** What keeps a pair from serving; nothing of the key is in it. */
export interface PairFault {
  readonly of: 'certificate' | 'key';
  readonly message: string;
}

/** Nothing when the pair can serve: both parse, and the key is that of the first certificate. */
export function pairFaults({ certificate, key }: Pair): PairFault[] {
  const x509 = certificateOf(certificate);
  const privateKey = keyOf(key);
  const faults: PairFault[] = [];
  if (x509 === undefined) faults.push({ of: 'certificate', message: 'holds no certificate in PEM form' });
  if (privateKey === undefined)
    faults.push({ of: 'key', message: 'holds no private key in PEM form that needs no passphrase' });
  if (x509 === undefined || privateKey === undefined) return faults;
  if (!x509.checkPrivateKey(privateKey))
    return [{ of: 'key', message: 'holds the key of another certificate' }];
  try {
    createSecureContext({ cert: certificate, key, ca: [] });
    return [];
  } catch {
    return [{ of: 'certificate', message: 'holds a certificate, chain or key that TLS cannot use' }];
  }
}

/** When the certificate of a pair that can serve ends, epoch milliseconds. */
export function endOf({ certificate }: Pair): number {
  return new X509Certificate(certificate).validToDate.getTime();
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return /-----BEGIN (?:TRUSTED )?CERTIFICATE-----/.test(pem) ? new X509Certificate(pem) : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
