import type { AdminId, DecisionId, MintId } from './ids.ts';
import { markedNote } from './marker.ts';
import type { CreateOrder } from './ports.ts';
import type { MintRequest } from './request.ts';

/** One mint id, one intent, one marker. */
export interface Attempt {
  readonly mintId: MintId;
  readonly adminId: AdminId;
  readonly decisionId: DecisionId;
  readonly request: MintRequest;
  /** What LM is asked for: our own wording of what was validated, the marker in its note. */
  readonly order: CreateOrder;
}

/** The attempt that carries out `request` under `mintId`. */
export function attemptAt(request: MintRequest, decisionId: DecisionId, mintId: MintId): Attempt {
  const { adminId, type, status, note } = request;
  return {
    mintId,
    adminId,
    decisionId,
    request,
    order: { adminId, type, status, note: markedNote(note, mintId) },
  };
}
