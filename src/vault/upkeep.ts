import type { Clock } from '../mint/clock.ts';
import { isVaultFault } from './fault.ts';
import type { IssuedToken } from './login.ts';

/** What keeping a token alive takes. */
interface UpkeepParts {
  readonly clock: Clock;
  /** 0 … 1, so that replicas that started together do not call together. */
  readonly random: () => number;
  /** Asks Vault for a longer life. Throws a `VaultFault`. */
  readonly renew: (issued: IssuedToken) => Promise<IssuedToken>;
  /** The same token with its new life. */
  readonly renewed: (issued: IssuedToken) => void;
  /** Gets another token, which ends this upkeep; undefined when there is no way to log in. Throws a `VaultFault`. */
  readonly replace: (() => Promise<unknown>) | undefined;
  /** One try to renew or replace failed; `leftMs` of the life remain. */
  readonly failed: (thrown: unknown, leftMs: number) => void;
}

const LONGEST_TIMER_MS = 2_147_483_647;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/**
 * Renews a token when about two thirds of its life are over, and again for each new life. What keeps Vault from
 * answering is retried with back-off until the life ends. When Vault refuses, or grants less than half of the first
 * life because the token nears its longest, a new login replaces it instead. A token without end needs nothing.
 * Returns the way to stop, after which an answer still under way changes nothing.
 */
export function keepAlive(first: IssuedToken, parts: UpkeepParts): () => void {
  const { clock, random } = parts;
  let stopped = false;
  let callOff = () => {};
  let mayRenew = first.renewable;

  function live(issued: IssuedToken): void {
    if (issued.lifeMs === Number.POSITIVE_INFINITY || (!mayRenew && parts.replace === undefined)) return;
    const endsAt = clock.monotonic() + issued.lifeMs;
    const wait = Math.max(1_000, issued.lifeMs * (0.6 + 0.1 * random()));
    at(wait, () => prolong(issued, endsAt, FIRST_RETRY_MS));
  }

  function at(ms: number, then: () => Promise<void>): void {
    callOff = clock.after(Math.min(ms, LONGEST_TIMER_MS), () => void then());
  }

  async function prolong(issued: IssuedToken, endsAt: number, retryMs: number): Promise<void> {
    try {
      if (!mayRenew) {
        await parts.replace?.();
        return;
      }
      const next = await parts.renew(issued);
      if (stopped) return;
      mayRenew = next.renewable && next.lifeMs >= first.lifeMs / 2;
      parts.renewed(next);
      live(next);
    } catch (thrown) {
      if (stopped) return;
      const leftMs = endsAt - clock.monotonic();
      parts.failed(thrown, Math.max(0, leftMs));
      if (mayRenew && isVaultFault(thrown, 'denied', 'bad-request', 'not-found')) {
        mayRenew = false;
        if (parts.replace !== undefined) await prolong(issued, endsAt, retryMs);
        return;
      }
      const wait = retryMs * (0.75 + 0.5 * random());
      if (wait < leftMs) {
        at(wait, () => prolong(issued, endsAt, Math.min(LONGEST_RETRY_MS, retryMs * 2)));
      }
    }
  }

  live(first);
  return () => {
    stopped = true;
    callOff();
  };
}
