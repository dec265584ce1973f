import type { SystemEvent } from '../mint/records.ts';
import type { Cut } from './file.ts';

/**
 * The record that the log was opened anew after a fault: why, since when (RFC 3339), and what was cut off its end
 * because it was not known to be durable. Intents among it were answered 503; what was owed is written again.
 */
export function recoveredEvent(reason: string, since: string, cut: Cut | undefined): SystemEvent {
  return {
    kind: 'system',
    event: 'recovered',
    detail: {
      reason,
      since,
      length: cut?.length ?? 0,
      sha256: cut?.sha256 ?? null,
      movedTo: cut?.movedTo ?? null,
    },
  };
}
