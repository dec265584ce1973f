const MAX_BYTES = 2048;
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const WORKLOAD = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/;

/** Whether it is the name of a trust domain (SPIFFE-ID, section 2.1): lower case, without `spiffe://`. */
export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

/**
 * The trust domain of a workload's SPIFFE ID (SPIFFE-ID, section 2); undefined when the text is none. An id without a
 * path stands for the trust domain itself, not for a workload in it, so it is none either.
 */
export function trustDomainOf(text: string): string | undefined {
  if (text.length > MAX_BYTES) return undefined; // every character that may stand in one is a byte
  const [, trustDomain, path = ''] = WORKLOAD.exec(text) ?? [];
  const dotted = path.split('/').some((segment) => segment === '.' || segment === '..');
  return dotted ? undefined : trustDomain;
}
