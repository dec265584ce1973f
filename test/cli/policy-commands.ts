import { policy } from '../../src/cli/policy/policy.ts';

/** What a command said, line by line, and its exit code. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lm-token-broker policy …` in this process. */
export async function policyCommand(...words: string[]): Promise<Said> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await policy(words, {
    log: (line: string) => out.push(line),
    error: (line: string) => err.push(line),
  });
  return { code, stdout: out.join('\n'), stderr: err.join('\n') };
}

export const SERVICE = 'demo:replace-with-the-sub-of-your-service';
