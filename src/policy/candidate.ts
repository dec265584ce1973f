import type { DenialReason } from '../mint/problems.ts';
import { type Candidate, type Change, type Comparison, type Recorded, replay } from './replay.ts';

/** A recorded request that the candidate would decide otherwise. */
export interface Changed extends Comparison {
  readonly seq: number;
  readonly time: string;
  readonly decisionId: string;
  readonly principal: string;
  readonly adminId: number;
}

/** What is recorded, as far as a candidate can be tried on it. */
export interface RecordedAt {
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly reason?: string | null;
}

const RECENT = 100;

/** What a candidate bundle would have decided about what was really asked, since it was loaded. It never decides. */
export class CandidateReport {
  #candidate: Candidate | undefined;
  #counts: Record<Change, number> = none();
  #recent: Changed[] = [];

  /** Another candidate: what was counted for the one before says nothing about it. */
  use(candidate: Candidate): void {
    this.#candidate = candidate;
    this.#counts = none();
    this.#recent = [];
  }

  /** Tries it on one record; one without a decision is passed over. */
  consider(record: RecordedAt & Partial<NullableRecorded>): void {
    const recorded = this.#candidate && decided(record);
    if (recorded === undefined || this.#candidate === undefined) return;
    const comparison = replay(this.#candidate, recorded);
    this.#counts[comparison.change] += 1;
    if (comparison.change === 'same') return;
    this.#recent.push(changed(record, recorded, comparison));
    if (this.#recent.length > RECENT) this.#recent.shift();
  }

  counts(): Readonly<Record<Change, number>> {
    return this.#counts;
  }

  /** The last decisions that would change, the newest first. */
  recent(): readonly Changed[] {
    return this.#recent.toReversed();
  }
}

type NullableRecorded = { readonly [M in keyof Recorded]: Recorded[M] | null };

/**
 * The record as something that policy decided; undefined when it is none. An attempt has its decision in its intent.
 * What was refused since it was for the broker's own user would be refused by any bundle.
 */
export function decided(
  record: { readonly kind: string; readonly reason?: string | null } & Partial<NullableRecorded>,
): Recorded | undefined {
  if (record.kind !== 'intent' && record.kind !== 'request') return undefined;
  if (record.reason === ('own-admin' satisfies DenialReason)) return undefined;
  const { principal, source, adminId, requested, decision } = record;
  if (!principal || !source || !adminId || !requested || !decision) return undefined;
  return { principal, source, adminId, requested, decision };
}

export function changed(at: RecordedAt, recorded: Recorded, comparison: Comparison): Changed {
  const { principal, adminId, decision } = recorded;
  return {
    seq: at.seq,
    time: at.time,
    decisionId: decision.id,
    principal: `${principal.alias}:${principal.subject}`,
    adminId,
    ...comparison,
  };
}

function none(): Record<Change, number> {
  return { same: 0, 'would-allow': 0, 'would-refuse': 0, reason: 0, obligations: 0 };
}
