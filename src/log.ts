import { type DestinationStream, type Logger, pino } from 'pino';
import type { Events } from './mint/ports.ts';
import { escapeUnfit } from './mint/text.ts';

/** What is logged of an error: an allow-list, since libraries hang requests, headers and bodies on theirs. */
export function errorForLog(fault: unknown): object | undefined {
  if (fault === undefined || fault === null) return undefined;
  if (!(fault instanceof Error)) return { type: typeof fault };
  const code = 'code' in fault && typeof fault.code === 'string' ? fault.code : undefined;
  return {
    type: fault.name,
    code,
    message: escapeUnfit(fault.message),
    stack: fault.stack?.split('\n').map(escapeUnfit).join('\n'),
  };
}

/** The broker's log: JSON lines on stdout, or where `destination` says. */
export function createLog(level: string, destination?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        err: errorForLog,
        error: errorForLog,
        req: (request: { id?: unknown }) => request.id,
        res: () => undefined,
      },
    },
    destination ?? stdout(),
  );
}

/** How much is kept of lines that cannot be written, bytes; beyond it they are dropped. */
const MAX_UNWRITTEN = 1_048_576;

/**
 * Standard output. When it cannot be written, as when a log volume is full, lines are lost and nothing else is: a
 * mint under way must come to its end, and its records are in the audit log.
 */
function stdout(): DestinationStream {
  const stream = pino.destination({ dest: 1, sync: true, maxLength: MAX_UNWRITTEN });
  stream.on('error', () => {});
  return stream;
}

/** What the parts tell the operator, as lines of the log. */
export function eventsTo(log: Logger): Events {
  return {
    warn: (message, detail) => log.warn(detail, message),
    info: (message, detail) => log.info(detail, message),
  };
}
