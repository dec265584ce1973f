import { type Clock, Deadline } from './clock.ts';
import type { Credentials } from './credential.ts';
import type { AdminId, MintId } from './ids.ts';
import type { Events, Portal } from './ports.ts';
import { asProblem, Problem } from './problems.ts';
import type { EndEvent } from './records.ts';

/**
 * A token that nobody holds, and that must therefore not live on. It may wait long for its end, so nothing of its key
 * or of the request that it was made for hangs on it.
 */
export interface Undelivered {
  readonly mintId: MintId;
  readonly adminId: AdminId;
  readonly tokenId: number;
  readonly accessId: string | null;
  /** Records that it has ended. */
  readonly ended: (how: EndEvent['how'], tries: number) => void;
}

interface Ending {
  readonly token: Undelivered;
  tries: number;
}

export interface EndingParts {
  readonly portal: Portal;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly events: Events;
  /** Longest wait for one DELETE, ms. */
  readonly tryTimeoutMs: number;
}

/** Tokens waiting to be ended at once; beyond this nothing more is minted, so that the list stays bounded. */
const MAX_PENDING = 1_000;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;

/** Ends tokens whose callers did not get them, and keeps trying, in memory, until LM says that they are gone. */
export class Endings {
  readonly #parts: EndingParts;
  readonly #pending = new Set<Ending>();
  readonly #cancels = new Map<Ending, () => void>();
  #idle: (() => void)[] = [];
  #stopped = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** How many tokens are still to be ended. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Throws `upstream-unavailable` while so many tokens wait for their end that minting more would pile up. */
  refuseWhenFull(): void {
    if (this.#pending.size < MAX_PENDING) return;
    throw new Problem(
      'upstream-unavailable',
      'LogicMonitor does not let the broker end tokens that were not delivered; until it does, no more are minted.',
      { retryAfterS: 30, operatorReason: 'endings-pending' },
    );
  }

  /** Ends a token now. Resolves after the first try; one that fails is tried again, with growing pauses. Never throws. */
  async end(token: Undelivered): Promise<void> {
    const ending: Ending = { token, tries: 0 };
    this.#pending.add(ending);
    if (this.#stopped) this.#leave(ending);
    else await this.#try(ending);
  }

  /** Resolves when nothing is pending any more. */
  async settled(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Stops trying; what could not be ended is logged, so that a person can end it in LM by its marker. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    for (const ending of this.#pending) this.#leave(ending);
  }

  #leave({ token, tries }: Ending): void {
    this.#parts.events.warn(
      'A token that was never delivered could not be ended before shutdown. Delete it in LogicMonitor.',
      {
        mintId: token.mintId,
        admin: token.adminId,
        tokenId: token.tokenId,
        accessId: token.accessId,
        tries,
      },
    );
  }

  async #try(ending: Ending): Promise<void> {
    this.#cancels.delete(ending);
    ending.tries += 1;
    const failure = await this.#remove(ending);
    if (failure === undefined) {
      this.#pending.delete(ending);
      if (this.#pending.size === 0) for (const wake of this.#idle.splice(0)) wake();
      return;
    }
    if (this.#stopped) return;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (ending.tries - 1), MAX_PAUSE_MS);
    this.#cancels.set(
      ending,
      this.#parts.clock.after(pause, () => void this.#try(ending)),
    );
    this.#parts.events.warn('A token that was not delivered could not be ended; it is tried again.', {
      mintId: ending.token.mintId,
      tokenId: ending.token.tokenId,
      tries: ending.tries,
      reason: failure,
    });
  }

  /** One DELETE; undefined when the token has ended, else the reason why not. */
  async #remove({ token, tries }: Ending): Promise<string | undefined> {
    const { portal, credentials, clock, tryTimeoutMs } = this.#parts;
    try {
      const deadline = new Deadline(clock, tryTimeoutMs);
      const { pair } = await credentials.forEnding(deadline);
      const answer = await portal.remove(token.adminId, token.tokenId, pair, deadline);
      if (answer.kind === 'failed') return answer.reason;
      if (answer.kind === 'key-rejected') return credentials.latch(pair, answer).extras.operatorReason;
      token.ended(answer.kind, tries);
      return undefined;
    } catch (thrown) {
      return asProblem(thrown).problem;
    }
  }
}
