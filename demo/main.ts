import { resolve } from 'node:path';
import { envFileAt } from './env-file.ts';
import { type DemoOptions, demoOptions, settingsIn, USAGE } from './options.ts';
import { type Stack, startStack } from './stack.ts';
import { mintAndTell } from './story.ts';

/** sysexits(3): wrong words on the command line. */
const EX_USAGE = 64;
/** What a shell says of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

const tell = (step: string): void => console.log(step);

/** Ctrl-C, or the like, at any time: what runs is ended in order. A second one ends it by force. */
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(INTERRUPTED);
    interruption.abort(new Error('interrupted'));
  });
}
const interrupted = new Promise<'interrupted'>((resolve) => {
  interruption.signal.addEventListener('abort', () => resolve('interrupted'));
});

const asked = optionsOrUsage(process.argv.slice(2));
if (asked === 'help') console.log(USAGE);
else if (asked !== undefined) await demo(asked).catch(failed);
// Signal handlers that still wait would keep the process.
process.exit();

function optionsOrUsage(args: readonly string[]): DemoOptions | 'help' | undefined {
  try {
    return demoOptions(args);
  } catch (fault) {
    failed(fault);
    process.exitCode = EX_USAGE;
    return undefined;
  }
}

function failed(fault: unknown): void {
  console.error(`demo: ${fault instanceof Error ? fault.message : 'unknown fault'}`);
  process.exitCode = interruption.signal.aborted ? INTERRUPTED : 1;
}

async function demo(options: DemoOptions): Promise<void> {
  const { once, envFile } = options;
  const { settings, leftOut } = settingsIn(process.env);
  if (leftOut.length > 0)
    tell(`not taken from the environment, since the demo sets these up itself: ${leftOut.join(', ')}`);
  const file = envFile === undefined ? undefined : await envFileAt(resolve(envFile));
  let brokerFailed = false;
  let stack: Stack | undefined;
  try {
    stack = await startStack(options, settings, tell, interruption.signal);
    await Promise.race([mintAndTell(stack, tell), interrupted]);
    interruption.signal.throwIfAborted();
    await file?.write(stack);
    if (once) return;
    tell(await thingsToTry(stack, envFile));
    const code = await Promise.race([interrupted, stack.broker.ended]);
    brokerFailed = code !== 'interrupted';
    if (brokerFailed) throw new Error(`the broker ended (${code}); its log is ${stack.broker.logFile}`);
    tell('\nending …');
  } finally {
    await stack?.close({ keep: brokerFailed });
    // After `--once` the file tells what there was.
    if (!once || stack === undefined) await file?.remove();
  }
}

async function thingsToTry(
  { broker, provisioned, auditDir }: Stack,
  envFile: string | undefined,
): Promise<string> {
  const { allowed, other } = provisioned.callers;
  const setUp =
    envFile === undefined
      ? `CALLER_JWT=${await allowed.mintJwt()}\nOTHER_JWT=${await other.mintJwt()}\nBROKER_URL=${broker.url}`
      : `. ${envFile}`;
  const forOperators =
    broker.privateUrl === undefined
      ? ''
      : `curl -s ${broker.privateUrl}/metrics | grep lmtb_      # a browser shows ${broker.privateUrl}/docs\n`;
  return `
Everything stays up until Ctrl-C. In another terminal:

${setUp}
curl -i "$BROKER_URL/admins/32/tokens" -H "Authorization: Bearer $CALLER_JWT" --json '{"note":"hello"}'
curl -i "$BROKER_URL/admins/33/tokens" -H "Authorization: Bearer $CALLER_JWT" --json '{}'                     # production needs a reason: 403
curl -i "$BROKER_URL/admins/7/tokens"  -H "Authorization: Bearer $CALLER_JWT" --json '{}'                     # the broker's own user: 403
curl -i "$BROKER_URL/admins/32/tokens" -H "Authorization: Bearer $OTHER_JWT"  --json '{}'                     # no permit: 403
curl -s "$BROKER_URL/readyz"; curl -s "$BROKER_URL/openapi.json" | head -c 300
${forOperators}tail -f ${auditDir}/audit.jsonl
`;
}
