#!/usr/bin/env node
import closeWithGrace from 'close-with-grace';
import { start } from './compose.ts';
import { ConfigFault, loadConfig } from './config.ts';
import { helpText } from './config-docs.ts';
import { createLog } from './log.ts';
import { BundleError } from './policy/faults.ts';
import { version } from './version.ts';

/** sysexits(3): wrong words on the command line; a configuration that is not fit to start with. */
const EX_USAGE = 64;
const EX_CONFIG = 78;
/** What is added to DRAIN_TIMEOUT before the process is ended by force. */
const FORCE_AFTER_MS = 5_000;

const [command = 'serve', ...rest] = process.argv.slice(2);
if (command === '--version' && rest.length === 0) console.log(version);
else if ((command === '--help' || command === '-h') && rest.length === 0) console.log(helpText());
else if (command === 'serve' && rest.length === 0) await serve();
else {
  console.error(
    `lm-token-broker: unknown command or option: ${[command, ...rest].join(' ')}\nTry: lm-token-broker --help`,
  );
  process.exitCode = EX_USAGE;
}

/** Runs the broker until SIGTERM (lead, drain, exit 0) or SIGINT (the same without the lead). */
async function serve(): Promise<void> {
  try {
    const config = loadConfig(process.env);
    const log = createLog(config.LOG_LEVEL);
    const running = await start(config, log);
    process.on('SIGHUP', () => running.retryNow());
    closeWithGrace(
      { delay: config.DRAIN_TIMEOUT + FORCE_AFTER_MS, logger: false },
      async ({ signal, err }) => {
        if (err) log.fatal({ err }, 'the broker failed and ends');
        else log.info({ signal }, 'draining');
        await running.drain({ lead: signal === 'SIGTERM' });
        log.info('ended');
      },
    );
  } catch (fault) {
    if (fault instanceof ConfigFault || fault instanceof BundleError) {
      console.error(`lm-token-broker: ${fault.message}`);
      process.exitCode = EX_CONFIG;
    } else {
      console.error(
        `lm-token-broker: could not start: ${fault instanceof Error ? fault.message : 'unknown fault'}`,
      );
      process.exitCode = 1;
    }
  }
}
