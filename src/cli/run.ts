import { helpText } from '../settings-docs.ts';
import { version } from '../version.ts';
import { EX_USAGE } from './arguments.ts';
import { serve } from './serve.ts';

/** Runs the command that the words after `lm-token-broker` name; sets the process's exit code. */
export async function run([command = 'serve', ...rest]: readonly string[]): Promise<void> {
  if (command === '--version' && rest.length === 0) console.log(version);
  else if ((command === '--help' || command === '-h') && rest.length === 0) console.log(helpText());
  else if (command === 'serve' && rest.length === 0) await serve();
  else if (command === 'policy') {
    // Loaded here, as in `serve`: it needs nearly all of the broker.
    const { policy } = await import('./policy/policy.ts');
    process.exitCode = await policy(rest, console);
  } else {
    console.error(
      `lm-token-broker: unknown command or option: ${[command, ...rest].join(' ')}\nTry: lm-token-broker --help`,
    );
    process.exitCode = EX_USAGE;
  }
}
