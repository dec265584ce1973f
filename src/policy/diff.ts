import { type Changed, changed, decided, type RecordedAt } from './candidate.ts';
import type { Bundle } from './load.ts';
import { type Candidate, type Change, replay } from './replay.ts';

/** Requests that are the same to a reviewer: one caller, one admin, one verdict before and one after. */
export interface ChangedGroup {
  readonly change: Change;
  readonly count: number;
  /** The last of them. */
  readonly last: Changed;
}

/** What would have become of the requests that the log tells of. */
export interface Diff {
  readonly compared: number;
  readonly unchanged: number;
  /** The commonest first. */
  readonly groups: readonly ChangedGroup[];
  /** Changed requests that are in no group, since there are too many groups. */
  readonly ungrouped: number;
  /** Claims that the candidate declares and no record has: what it makes of them cannot be known from this log. */
  readonly unseenClaims: readonly string[];
}

const MAX_GROUPS = 1_000;

type Records = RecordedAt & Parameters<typeof decided>[0];

/** Compares a candidate with the log, record by record; hand each in, in order, then ask for the result. */
export class DiffRun {
  readonly #candidate: Candidate;
  readonly #groups = new Map<string, { change: Change; count: number; last: Changed }>();
  readonly #unseen: Set<string>;
  #compared = 0;
  #unchanged = 0;
  #ungrouped = 0;

  constructor(candidate: Candidate) {
    this.#candidate = candidate;
    this.#unseen = new Set(declaredClaims(candidate.bundle));
  }

  consider(record: Records): void {
    const recorded = decided(record);
    if (recorded === undefined) return;
    const { alias } = recorded.principal;
    const { claims, misfitClaims } = recorded.decision.input;
    for (const name of [...Object.keys(claims), ...misfitClaims]) this.#unseen.delete(`${alias}: ${name}`);
    const comparison = replay(this.#candidate, recorded);
    this.#compared += 1;
    if (comparison.change === 'same') this.#unchanged += 1;
    else this.#count(changed(record, recorded, comparison));
  }

  result(): Diff {
    const groups = [...this.#groups.values()].sort((one, other) => other.count - one.count);
    const [compared, unchanged, ungrouped] = [this.#compared, this.#unchanged, this.#ungrouped];
    return { compared, unchanged, groups, ungrouped, unseenClaims: [...this.#unseen] };
  }

  #count(one: Changed): void {
    const key = JSON.stringify([one.principal, one.adminId, one.before, one.after, one.change]);
    const group = this.#groups.get(key);
    if (group !== undefined) {
      group.count += 1;
      group.last = one;
    } else if (this.#groups.size < MAX_GROUPS) {
      this.#groups.set(key, { change: one.change, count: 1, last: one });
    } else {
      this.#ungrouped += 1;
    }
  }
}

function declaredClaims({ issuers }: Bundle): string[] {
  return issuers.flatMap(({ alias, claims }) => Object.keys(claims).map((name) => `${alias}: ${name}`));
}
