import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { prettifyError, ZodError } from 'zod';
import type { KeyInput } from './options.ts';
import { startSimulator } from './server.ts';
import { settingsChangeSchema } from './settings.ts';

const USAGE = `A stand-in for LogicMonitor's API. See simulator/README.md.

  --port N          SIM_LISTEN_PORT   port, 0 for a free one (default)
  --host ADDRESS    SIM_LISTEN_HOST   address to listen on (default 127.0.0.1)
  --key A:ID:KEY    SIM_KEYS          key pairs, each ADMIN:ACCESS_ID:ACCESS_KEY; repeat the flag, or separate by
                                      white space; the first is the root key (default: LM's published example)
  --keys-file FILE  SIM_KEYS_FILE     the same from a file
  --settings JSON   SIM_SETTINGS      settings as POST /_control/settings takes them, e.g. {"limits":"off"}
`;

/** `ADMIN:ACCESS_ID:ACCESS_KEY`; the key may hold colons. */
function parseKey(text: string): KeyInput {
  const [, adminId, accessId, accessKey] = /^(\d+):([^:]+):(.+)$/.exec(text) ?? [];
  if (accessId === undefined || accessKey === undefined)
    throw new Error('a key must read ADMIN:ACCESS_ID:ACCESS_KEY');
  return { adminId: Number(adminId), accessId, accessKey };
}

async function run(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      port: { type: 'string' },
      host: { type: 'string' },
      key: { type: 'string', multiple: true },
      'keys-file': { type: 'string' },
      settings: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (flags.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { env } = process;
  const keysFile = flags['keys-file'] ?? env['SIM_KEYS_FILE'];
  const keyText = keysFile === undefined ? env['SIM_KEYS'] : readFileSync(keysFile, 'utf8');
  const keys = (flags.key ?? keyText?.split(/\s+/).filter((text) => text !== '') ?? []).map(parseKey);
  const simulator = await startSimulator({
    port: Number(flags.port ?? env['SIM_LISTEN_PORT'] ?? 0),
    host: flags.host ?? env['SIM_LISTEN_HOST'],
    rootKey: keys[0],
    keys: keys.slice(1),
    settings: settingsChangeSchema.parse(JSON.parse(flags.settings ?? env['SIM_SETTINGS'] ?? '{}')),
  });
  const end = () => simulator.close().then(() => process.exit(0));
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  process.stdout.write(`listening on ${simulator.url}\n`);
}

run().catch((error: unknown) => {
  const reason = error instanceof ZodError ? prettifyError(error) : String(error);
  process.stderr.write(`simulator: ${reason}\n${USAGE}`);
  process.exitCode = 2;
});
