import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Pool } from 'undici';
import { z } from 'zod';
import { startStack } from '../demo/stack.ts';
import { residentMb } from './process-memory.ts';

/**
 * How much memory the broker grows by over many mints, beside a bare Node server that forwards as many requests to
 * the same simulator: `npm run bench:memory -- [count, 10000 unless given]`.
 */
const COUNT = Number(process.argv[2] ?? 10_000);
const IN_FLIGHT = 32;

const ports = { brokerPort: 0, privatePort: 0, vaultPort: 0, lmPort: 0 };
const stack = await startStack(
  { once: true, envFile: undefined, ...ports },
  { LOG_LEVEL: 'info', CALLER_RATE: '999999', CALLER_BURST: '999999' },
  () => {},
);
const floor = spawn(process.execPath, [join(import.meta.dirname, 'floor.ts'), stack.simulator.url], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
try {
  stack.simulator.set({ limits: 'off' });
  const floorUrl = await firstLine(floor.stdout);
  const jwt = await stack.provisioned.callers.allowed.mintJwt();
  const broker = await growth(stack.broker.pid, stack.broker.url, '/admins/32/tokens', `Bearer ${jwt}`, 201);
  // The floor's requests are not signed, so the simulator answers 401: as long an answer as it gets.
  const bare = await growth(
    floor.pid ?? 0,
    floorUrl,
    '/santaba/rest/setting/admins/32/apitokens',
    'none',
    401,
  );
  console.table({ broker, 'bare Node': bare });
  const more = broker.grownMb - bare.grownMb;
  console.log(
    `over ${COUNT} requests at ${IN_FLIGHT} in flight the broker grew by ${more.toFixed(1)} MB more than bare Node`,
  );
} finally {
  floor.kill();
  await stack.close();
}
process.exit();

interface Growth {
  readonly beforeMb: number;
  readonly afterMb: number;
  readonly grownMb: number;
  readonly perSecond: number;
}

async function growth(
  pid: number,
  url: string,
  path: string,
  authorization: string,
  status: number,
): Promise<Growth> {
  const pool = new Pool(url, { connections: IN_FLIGHT });
  const one = async (): Promise<void> => {
    const answer = await pool.request({
      method: 'POST',
      path,
      headers: { authorization, 'content-type': 'application/json', 'x-version': '3' },
      body: '{"note":"bench"}',
    });
    const text = await answer.body.text();
    if (answer.statusCode !== status) throw new Error(`${url} answered ${answer.statusCode}: ${text}`);
  };
  const many = async (count: number): Promise<void> => {
    let left = count;
    const lane = async (): Promise<void> => {
      while (left-- > 0) await one();
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  };
  const beforeMb = residentMb(pid);
  const startedAt = performance.now();
  await many(COUNT);
  const perSecond = COUNT / ((performance.now() - startedAt) / 1_000);
  const afterMb = residentMb(pid);
  await pool.close();
  return {
    beforeMb: round(beforeMb),
    afterMb: round(afterMb),
    grownMb: round(afterMb - beforeMb),
    perSecond: Math.round(perSecond),
  };
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string> {
  const [line] = await once(createInterface({ input: stream }), 'line');
  return z.object({ url: z.string() }).parse(JSON.parse(String(line))).url;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
