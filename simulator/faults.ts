import { z } from 'zod';
import type { ListFaults } from './list.ts';

const ms = z.int().nonnegative();

/** Which requests a fault meets, and how often; without `times` until it is removed. */
const match = {
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
  /** The path after `/santaba/rest`; a `*` at its end stands for any rest. */
  path: z.string().optional(),
  times: z.int().positive().optional(),
};

/** Whether the request is carried out before it is answered wrongly. */
const carriesOut = (otherwise: boolean) => ({ commit: z.boolean().default(otherwise) });

/** A fault as the control endpoint takes it: `simulator/README.md` tells each kind. */
export const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    ...match,
    ...carriesOut(false),
    status: z.int().min(200).max(599),
    body: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
    bodyType: z.enum(['json', 'html', 'text']).default('json'),
    headers: z.record(z.string(), z.string()).default({}),
    /** Whether LM's `Date` and rate-limit headers come along; by default with a JSON body only. */
    rateHeaders: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('delayBeforeCommit'), ...match, ms }),
  z.strictObject({ kind: z.literal('delayAfterCommit'), ...match, ms }),
  z.strictObject({ kind: z.literal('resetBeforeCommit'), ...match }),
  z.strictObject({ kind: z.literal('resetAfterCommit'), ...match }),
  z.strictObject({
    kind: z.literal('commitLater'),
    ...match,
    ms,
    /** What is answered now; without it the connection is reset. */
    status: z.int().min(200).max(599).optional(),
  }),
  z.strictObject({ kind: z.literal('truncate'), ...match, ...carriesOut(true) }),
  z.strictObject({
    kind: z.literal('oversized'),
    ...match,
    ...carriesOut(true),
    bytes: z.int().positive().default(10_000_000),
  }),
  z.strictObject({ kind: z.literal('slowBody'), ...match, ...carriesOut(true), ms }),
  z.strictObject({ kind: z.literal('slowHeaders'), ...match, ...carriesOut(true), ms }),
  z.strictObject({
    kind: z.literal('redirect'),
    ...match,
    ...carriesOut(false),
    location: z.string(),
    status: z
      .union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)])
      .default(302),
  }),
  z.strictObject({ kind: z.literal('invalidJson'), ...match, ...carriesOut(true) }),
  z.strictObject({
    kind: z.literal('wrongContentType'),
    ...match,
    ...carriesOut(true),
    contentType: z.string().default('text/html'),
  }),
  z.strictObject({
    kind: z.literal('gzip'),
    ...match,
    ...carriesOut(true),
    bytes: z.int().positive().max(100_000_000).default(10_000_000),
  }),
  z.strictObject({
    kind: z.literal('errorCodeIn200'),
    ...match,
    ...carriesOut(false),
    errorCode: z.int().default(1500),
  }),
  z.strictObject({ kind: z.literal('accepted202'), ...match, ...carriesOut(false) }),
  z.strictObject({ kind: z.literal('filterFindsNothing'), ...match }),
  z.strictObject({ kind: z.literal('listLags'), ...match, ms }),
  z.strictObject({ kind: z.literal('listShifts'), ...match, by: z.int().positive() }),
]);

/** What a caller writes, and what is kept. */
export type FaultInput = z.input<typeof faultSchema>;
type Fault = z.output<typeof faultSchema>;
/** A fault that stands between request and answer, not one that only lists show. */
export type AnswerFault = Exclude<Fault, { kind: 'filterFindsNothing' | 'listLags' | 'listShifts' }>;

/** The faults in force, in the order in which they were added. */
export class Faults {
  #entries: { id: number; fault: Fault; left: number }[] = [];
  #lastId = 0;

  /** Adds a fault and answers its id. Throws a ZodError that names what does not fit. */
  add(input: FaultInput): number {
    const fault = faultSchema.parse(input);
    this.#lastId += 1;
    this.#entries.push({ id: this.#lastId, fault, left: fault.times ?? Number.POSITIVE_INFINITY });
    return this.#lastId;
  }

  /** Removes one fault, or all. */
  clear(id?: number): void {
    this.#entries = id === undefined ? [] : this.#entries.filter((entry) => entry.id !== id);
  }

  /** The faults in force, with how often each still strikes; null: until removed. */
  list(): { id: number; fault: Fault; left: number | null }[] {
    return this.#entries.map(({ id, fault, left }) => ({
      id,
      fault,
      left: Number.isFinite(left) ? left : null,
    }));
  }

  /**
   * What strikes this request: the oldest answer fault that fits, and every list fault that fits. Each is
   * used up by one.
   */
  strike(method: string, path: string): { answer: AnswerFault | undefined; lists: ListFaults } {
    const lists: ListFaults = { filterFindsNothing: false, lagMs: 0, shiftBy: 0 };
    let answer: AnswerFault | undefined;
    let spent = false;
    for (const entry of this.#entries) {
      const { fault } = entry;
      if (!fits(fault, method, path)) continue;
      if (fault.kind === 'filterFindsNothing') lists.filterFindsNothing = true;
      else if (fault.kind === 'listLags') lists.lagMs = fault.ms;
      else if (fault.kind === 'listShifts') lists.shiftBy = fault.by;
      else if (answer === undefined) answer = fault;
      else continue;
      entry.left -= 1;
      spent ||= entry.left === 0;
    }
    if (spent) this.#entries = this.#entries.filter((entry) => entry.left > 0);
    return { answer, lists };
  }
}

function fits(fault: Fault, method: string, path: string): boolean {
  if (fault.method !== undefined && fault.method !== method) return false;
  if (fault.path === undefined) return true;
  return fault.path.endsWith('*') ? path.startsWith(fault.path.slice(0, -1)) : fault.path === path;
}
