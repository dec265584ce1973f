import { setFlagsFromString } from 'node:v8';
import closeWithGrace from 'close-with-grace';
import { ConfigFault, loadConfig } from '../config.ts';
import { createLog } from '../log.ts';

/** sysexits(3): a configuration that is not fit to start with. */
const EX_CONFIG = 78;
/** What is added to DRAIN_TIMEOUT before the process is ended by force. */
const FORCE_AFTER_MS = 5_000;

/** Runs the broker until SIGTERM (lead, drain, exit 0) or SIGINT (the same without the lead). */
export async function serve(): Promise<void> {
  let isOperators = (fault: unknown): boolean => fault instanceof ConfigFault;
  try {
    const config = loadConfig(process.env);
    const log = createLog(config.LOG_LEVEL);
    // Loaded here, so that `--help` and a faulty configuration need not wait for all of the broker.
    const { BundleError, start } = await import('../compose.ts');
    isOperators = (fault) => fault instanceof BundleError || fault instanceof ConfigFault;
    const running = await start(config, log);
    keepHeapSmall();
    process.on('SIGHUP', () => running.retryNow());
    closeWithGrace(
      { delay: config.DRAIN_TIMEOUT + FORCE_AFTER_MS, logger: false, skip: ['SIGHUP'] },
      async ({ signal, err }) => {
        if (err) log.fatal({ err }, 'the broker failed and ends');
        else log.info({ signal }, 'draining');
        await running.drain({ lead: signal === 'SIGTERM' });
        log.info('ended');
      },
    );
  } catch (fault) {
    const said = fault instanceof Error ? fault.message : 'unknown fault';
    console.error(`lm-token-broker: ${isOperators(fault) ? said : `could not start: ${said}`}`);
    process.exitCode = isOperators(fault) ? EX_CONFIG : 1;
  }
}

/**
 * From here on the heap grows by little and is collected often, so that what a mint leaves behind is soon given back;
 * while starting it may grow as it likes. V8 reads both flags at each collection, so they may be set this late.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=50');
  setFlagsFromString('--semi-space-growth-factor=1');
}
