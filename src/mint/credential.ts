import type { Clock, Deadline } from './clock.ts';
import type { AdminId, DecisionId } from './ids.ts';
import { Latches } from './latch.ts';
import { samePair } from './pair.ts';
import type { AuditLog, Events, OwnerAnswer, Pair, PairSource, Portal } from './ports.ts';
import { Problem } from './problems.ts';

/** A pair that may be used: the LM user that it belongs to is known, so that promise 7 can be kept. */
export interface Credential {
  readonly pair: Pair;
  readonly ownAdminId: AdminId;
}

/** For whom a mint is, and the decision that the refusal of it would name. */
export interface MintFor {
  readonly adminId: AdminId;
  readonly decisionId: DecisionId;
}

/** What the credentials are made of. */
export interface CredentialParts {
  readonly source: PairSource;
  readonly portal: Pick<Portal, 'findOwner'>;
  /** `LM_OWN_ADMIN_ID`: the operator's word for whose key it is; LM is then not asked. */
  readonly ownAdminId: AdminId | undefined;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly events: Events;
  /** Longest wait for one search for the owner, ms. */
  readonly searchTimeoutMs: number;
}

const LOOK_EVERY_MS = 2_000;
/** After LM's own 401 (here: one that a clock explains, the others are latched) LM is asked seldom, since it locks tokens. */
const REJECTED_AGAIN_MS = 60_000;

/**
 * Which key of LM's is in use. A new pair takes over once the LM user that it belongs to is known; until then, while
 * LM still takes it, the old pair serves. Nobody is ever minted for whose key ours is, and nobody at all while that
 * is not known. A pair that LM rejected is latched: LM locks tokens after repeated failures.
 */
export class Credentials {
  readonly #parts: CredentialParts;
  readonly #latches: Latches;
  #serving: Credential | undefined;
  #search: { readonly pair: Pair; readonly answer: Promise<OwnerAnswer> } | undefined;
  #failed: { readonly pair: Pair; readonly until: number; readonly problem: Problem } | undefined;
  #nextLook: (() => void) | undefined;
  #stopped = false;

  constructor(parts: CredentialParts) {
    this.#parts = parts;
    this.#latches = new Latches(parts, (pair) => this.#probe(pair));
  }

  /** Looks for the pair and its user ahead of the first request, and from then on for a new one. Never throws. */
  async warm(deadline: Deadline): Promise<void> {
    try {
      await this.#credentialFor(await this.#parts.source.current(deadline), deadline);
    } catch {
      // Whoever asks for a credential is told; the next look tries again.
    } finally {
      this.#lookLater();
    }
  }

  /**
   * The credential to mint with. Throws what Vault's side throws, `upstream-credential-rejected` for a
   * latched pair, `own-admin-unknown`, and `policy-denied` (`own-admin`) for the user that our own key belongs to.
   */
  async forMint(mint: MintFor, deadline: Deadline): Promise<Credential> {
    const credential = await this.forEnding(deadline);
    refuseOwnAdmin(credential, mint);
    return credential;
  }

  /** Whether our own key belongs to this LM user, as far as that is known by now. */
  isOwnAdmin(adminId: AdminId): boolean {
    return adminId === (this.#serving?.ownAdminId ?? this.#parts.ownAdminId);
  }

  /** The credential to end a token with. Throws as `forMint` does, the last one aside. */
  async forEnding(deadline: Deadline): Promise<Credential> {
    const pair = await this.#parts.source.current(deadline);
    const credential = await this.#credentialFor(pair, deadline);
    this.#latches.refuse(credential.pair);
    return credential;
  }

  /**
   * What to do about LM's own 401: a clock that is off latches nothing; else Vault is read once more, and another
   * pair is given back, to sign and try once; the same pair is latched. Throws the problem that ends the attempt.
   */
  async replacement(
    rejected: Credential,
    answer: { readonly skewMs: number | undefined },
    mint: MintFor,
    deadline: Deadline,
  ): Promise<Credential> {
    this.#latches.refuseSkew(answer.skewMs);
    this.#latches.refuse(rejected.pair);
    const pair = await this.#parts.source.reread(deadline).catch(() => rejected.pair);
    if (samePair(pair, rejected.pair)) throw this.#latches.close(rejected.pair);
    // LM no longer takes the old pair, so it does not serve on until the new one's user is known.
    if (this.#serving !== undefined && samePair(this.#serving.pair, rejected.pair)) this.#serving = undefined;
    const credential = await this.#credentialFor(pair, deadline);
    this.#latches.refuse(credential.pair);
    refuseOwnAdmin(credential, mint);
    return credential;
  }

  /**
   * Latches a pair that LM rejected, unless the clocks are too far apart, and returns what to tell the caller. Vault
   * is read once more, not waited for, so that a pair that was rotated is not latched until the next timed read.
   */
  latch(pair: Pair, answer: { readonly skewMs: number | undefined }): Problem {
    const skewed = this.#latches.skewProblem(answer.skewMs);
    if (skewed !== undefined) return skewed;
    if (!this.#latches.has(pair) && !this.#stopped) this.#rereadNow();
    return this.#latches.close(pair);
  }

  /** SIGHUP: reads Vault, tries what is latched again, and looks for an unknown user, all at once. */
  retryNow(): void {
    this.#failed = undefined;
    this.#latches.probeNow();
    this.#rereadNow();
  }

  /** For readiness and metrics. */
  state(): {
    readonly version: number | undefined;
    readonly ownAdminKnown: boolean;
    readonly latched: boolean;
    /** True while Vault has a pair that cannot take over, and an older one serves. */
    readonly newPairFails: boolean;
  } {
    return {
      version: this.#serving?.pair.version,
      ownAdminKnown: this.#serving !== undefined,
      newPairFails: this.#serving !== undefined && this.#failed !== undefined,
      latched: this.#serving === undefined ? this.#latches.any() : this.#latches.has(this.#serving.pair),
    };
  }

  /** Calls off every timer. */
  stop(): void {
    this.#stopped = true;
    this.#nextLook?.();
    this.#latches.stop();
  }

  async #credentialFor(pair: Pair, deadline: Deadline): Promise<Credential> {
    const serving = this.#serving;
    if (serving !== undefined && samePair(serving.pair, pair)) {
      this.#failed = undefined;
      return serving;
    }
    if (this.#parts.ownAdminId !== undefined) return this.#serve(pair, this.#parts.ownAdminId);
    if (serving === undefined || this.#latches.has(serving.pair)) return this.#takeOver(pair, deadline);
    // The old pair serves on until the new one's user has been found; no request waits for that.
    this.#takeOver(pair, this.#latches.deadline()).catch(() => this.#lookLater());
    return serving;
  }

  async #takeOver(pair: Pair, deadline: Deadline): Promise<Credential> {
    this.#latches.refuse(pair);
    const failed = this.#failed;
    if (failed !== undefined && samePair(failed.pair, pair) && this.#parts.clock.monotonic() < failed.until) {
      throw failed.problem;
    }
    const answer = await this.#searchOwner(pair, deadline);
    if (answer.kind === 'found') return this.#serve(pair, answer.adminId);
    const problem = answer.kind === 'key-rejected' ? this.latch(pair, answer) : unknownOwner(answer);
    const wait = answer.kind === 'key-rejected' ? REJECTED_AGAIN_MS : LOOK_EVERY_MS;
    this.#failed = { pair, until: this.#parts.clock.monotonic() + wait, problem };
    this.#lookLater();
    throw problem;
  }

  /** One search at a time for one pair; whoever needs its answer shares it. */
  #searchOwner(pair: Pair, deadline: Deadline): Promise<OwnerAnswer> {
    if (this.#search !== undefined && samePair(this.#search.pair, pair)) return this.#search.answer;
    const answer = this.#parts.portal
      .findOwner(pair, deadline.within(this.#parts.searchTimeoutMs))
      .finally(() => {
        if (this.#search?.answer === answer) this.#search = undefined;
      });
    this.#search = { pair, answer };
    return answer;
  }

  #serve(pair: Pair, ownAdminId: AdminId): Credential {
    const before = this.#serving;
    if (before !== undefined && samePair(before.pair, pair)) return before;
    this.#serving = { pair, ownAdminId };
    this.#failed = undefined;
    this.#parts.audit.soon({
      kind: 'system',
      event: 'credential-changed',
      detail: { from: before?.pair.version ?? null, to: pair.version, ownAdminId },
    });
    this.#parts.events.info('the LogicMonitor key in use has changed', { version: pair.version, ownAdminId });
    return this.#serving;
  }

  /** Looks again and again, so that a new pair, or a user not known yet, waits for no request to be the first. */
  #lookLater(): void {
    if (this.#stopped || this.#nextLook !== undefined) return;
    this.#nextLook = this.#parts.clock.after(LOOK_EVERY_MS, () => {
      this.#nextLook = undefined;
      this.#look();
    });
  }

  #look(): void {
    const deadline = this.#latches.deadline();
    this.#parts.source
      .current(deadline)
      .then((pair) => this.#credentialFor(pair, deadline))
      .catch(() => undefined) // as in `warm`
      .finally(() => this.#lookLater());
  }

  #rereadNow(): void {
    const deadline = this.#latches.deadline();
    this.#parts.source
      .reread(deadline)
      .then((pair) => this.#credentialFor(pair, deadline))
      .catch(() => this.#lookLater());
  }

  /** A list call with a latched pair: true when LM takes its signature again, whatever it then lets it see. */
  async #probe(pair: Pair): Promise<boolean> {
    const answer = await this.#parts.portal.findOwner(pair, this.#latches.deadline());
    return (
      answer.kind === 'found' ||
      (answer.kind === 'unknown' && (answer.status === 200 || answer.status === 403))
    );
  }
}

function refuseOwnAdmin(credential: Credential, { adminId, decisionId }: MintFor): void {
  if (credential.ownAdminId !== adminId) return;
  throw new Problem(
    'policy-denied',
    'The broker never mints for the LogicMonitor user that its own key belongs to, whatever policy says.',
    { reason: 'own-admin', decisionId },
  );
}

function unknownOwner(answer: Extract<OwnerAnswer, { kind: 'unknown' }>): Problem {
  return new Problem(
    'own-admin-unknown',
    'The broker could not find out yet which LogicMonitor user its own key belongs to.',
    { retryAfterS: 5, operatorReason: answer.reason },
  );
}
