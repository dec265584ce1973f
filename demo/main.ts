import { once } from 'node:events';
import { writeEnvFile } from './env-file.ts';
import { demoOptions, settingsIn, USAGE } from './options.ts';
import { type Stack, startStack } from './stack.ts';
import { mintAndTell } from './story.ts';

/** sysexits(3): wrong words on the command line. */
const EX_USAGE = 64;

const tell = (step: string): void => console.log(step);

/** Ctrl-C, or the like, at any time: what runs is ended in order, and nothing is left behind. */
const interrupted = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal))).then(
  () => 'interrupted' as const,
);

try {
  const options = demoOptions(process.argv.slice(2));
  if (options === 'help') console.log(USAGE);
  else await demo(options);
} catch (fault) {
  console.error(`demo: ${fault instanceof Error ? fault.message : 'unknown fault'}`);
  process.exitCode = fault instanceof TypeError ? EX_USAGE : 1;
}
// Signal handlers that still wait would keep the process.
process.exit();

async function demo(options: Exclude<ReturnType<typeof demoOptions>, 'help'>): Promise<void> {
  const { settings, leftOut } = settingsIn(process.env);
  if (leftOut.length > 0)
    tell(`not taken from the environment, since the demo sets these up itself: ${leftOut.join(', ')}`);
  const starting = startStack(options, settings, tell);
  const stack = await starting;
  try {
    await mintAndTell(stack, tell);
    if (options.envFile !== undefined) await writeEnvFile(options.envFile, stack);
    if (options.once) return;
    tell(await thingsToTry(stack, options.envFile));
    const end = await Promise.race([
      interrupted,
      stack.broker.ended.then((code) => `the broker ended: ${code}`),
    ]);
    if (end !== 'interrupted') throw new Error(`${end}; its log is in ${stack.broker.logFile}`);
    tell('\nending …');
  } finally {
    await stack.close();
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
  return `
Everything stays up until Ctrl-C. In another terminal:

${setUp}
curl -i "$BROKER_URL/admins/32/tokens" -H "Authorization: Bearer $CALLER_JWT" --json '{"note":"hello"}'
curl -i "$BROKER_URL/admins/33/tokens" -H "Authorization: Bearer $CALLER_JWT" --json '{}'                     # production needs a reason: 403
curl -i "$BROKER_URL/admins/7/tokens"  -H "Authorization: Bearer $CALLER_JWT" --json '{}'                     # the broker's own user: 403
curl -i "$BROKER_URL/admins/32/tokens" -H "Authorization: Bearer $OTHER_JWT"  --json '{}'                     # no permit: 403
curl -s "$BROKER_URL/readyz"; curl -s "$BROKER_URL/openapi.json" | head -c 300
curl -s ${broker.privateUrl ?? ''}/metrics | grep lmtb_      # a browser shows ${broker.privateUrl ?? ''}/docs
tail -f ${auditDir}/audit.jsonl
`;
}
