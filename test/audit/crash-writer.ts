import { openAuditLog } from '../../src/audit/open.ts';
import { Heard, intent } from './support.ts';

// Run by start.test.ts, which kills it: keeps 32 durable intents in flight and names each that was acknowledged.
const log = await openAuditLog({ dir: process.argv[2] ?? '' }, { events: new Heard() });
await Promise.all(
  Array.from({ length: 32 }, async () => {
    for (;;) {
      const event = intent();
      await log.durable(event);
      process.stdout.write(`${event.mintId}\n`);
    }
  }),
);
