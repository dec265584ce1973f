import { parseArgs } from 'node:util';
import { SETTINGS } from '../src/settings.ts';

/** What the demo was asked for. */
export interface DemoOptions {
  readonly once: boolean;
  readonly envFile: string | undefined;
  /** Ports; 0 takes a free one. */
  readonly brokerPort: number;
  readonly privatePort: number;
  readonly vaultPort: number;
  readonly lmPort: number;
}

export const USAGE = `Usage: npm run demo -- [options]
  --once               end after the first mint: 0 when all went well
  --env-file FILE      write addresses, JWTs and keys of the demo as KEY=VALUE lines
  --port N             port of the broker            (free ones when not given)
  --private-port N     port of the broker for operators
  --vault-port N       port of OpenBao
  --lm-port N          port of the LogicMonitor simulator
Settings of the broker found in the environment reach the demo's broker.`;

/** Reads the command line. Throws an Error that says what is wrong with it. */
export function demoOptions(args: readonly string[]): DemoOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      'env-file': { type: 'string' },
      port: { type: 'string', default: '0' },
      'private-port': { type: 'string', default: '0' },
      'vault-port': { type: 'string', default: '0' },
      'lm-port': { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return {
    once: values.once,
    envFile: values['env-file'],
    brokerPort: port('--port', values.port),
    privatePort: port('--private-port', values['private-port']),
    vaultPort: port('--vault-port', values['vault-port']),
    lmPort: port('--lm-port', values['lm-port']),
  };
}

function port(flag: string, text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`${flag} takes a port number from 0 to 65535, not ${JSON.stringify(text)}`);
}

/** What the demo sets up itself, so that it never touches a Vault or a portal that somebody really uses. */
const OWN = /^(?:VAULT_(?!TIMEOUT$)|LM_COMPANY$|LM_DOMAIN$|LM_URL$)/;

/**
 * The broker's settings in `env`, and the names of those that the demo leaves out because it sets up that part itself.
 */
export function settingsIn(env: NodeJS.ProcessEnv): {
  readonly settings: NodeJS.ProcessEnv;
  readonly leftOut: readonly string[];
} {
  const names = Object.keys(SETTINGS).flatMap((name) => [name, `${name}_FILE`]);
  const set = names.filter((name) => env[name]);
  const own = (name: string): boolean => OWN.test(name) && !(name === 'LM_URL' && isLoopback(env[name]));
  return {
    settings: Object.fromEntries(set.filter((name) => !own(name)).map((name) => [name, env[name]])),
    leftOut: set.filter(own),
  };
}

function isLoopback(url: string | undefined): boolean {
  return /^http:\/\/(?:127\.[0-9.]+|localhost|\[::1\])(?::[0-9]+)?(?:\/|$)/.test(url ?? '');
}
