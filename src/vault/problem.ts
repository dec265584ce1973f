import { Problem } from '../mint/problems.ts';
import { VaultFault } from './fault.ts';
import { SecretFault } from './kv.ts';

/** What the caller waits when Vault did not say how long, in seconds. */
const RETRY_AFTER_S = 5;

/**
 * What a failed read of the credential is for a caller: `vault-denied`, `credential-misconfigured` or
 * `vault-unavailable`. `operatorReason` tells more, in a stable code; `cause` holds no secret.
 */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof SecretFault) {
    const detail = 'The secret that holds the LogicMonitor credential is missing or unfit for use.';
    return new Problem('credential-misconfigured', detail, { operatorReason: thrown.reason }, thrown);
  }
  if (!(thrown instanceof VaultFault)) {
    const detail = 'The broker failed while it read its LogicMonitor credential.';
    return new Problem('internal-error', detail, {}, thrown);
  }
  const operatorReason = `vault-${ownCode(thrown) ?? thrown.kind}`;
  if (thrown.kind === 'denied') {
    const detail = 'Vault does not let the broker read its LogicMonitor credential.';
    return new Problem('vault-denied', detail, { operatorReason }, thrown);
  }
  const detail = 'The LogicMonitor credential could not be read from Vault.';
  const retryAfterS = thrown.retryAfterS ?? RETRY_AFTER_S;
  return new Problem('vault-unavailable', detail, { operatorReason, retryAfterS }, thrown);
}

/** A code that this folder gave, which tells more than the kind; the system's are in upper case. */
function ownCode({ code }: VaultFault): string | undefined {
  return code !== undefined && /^[a-z-]+$/.test(code) ? code : undefined;
}
