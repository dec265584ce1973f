import { isIP } from 'node:net';
import { z } from 'zod';
import { isLoopback } from './mint/address.ts';
import { adminIdSchema } from './mint/ids.ts';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^([0-9]{1,9})(ms|s|m|h|d)$/;
/** What `setTimeout` can hold; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** `30s`, `250ms`, `15m`, `24h`: milliseconds, from `leastMs` to 24 days. */
const durationFrom = (leastMs: number) =>
  z.string().transform((text, context): number => {
    const [, count, unit] = DURATION.exec(text) ?? [];
    const ms = Number(count) * (UNIT_MS[unit as keyof typeof UNIT_MS] ?? Number.NaN); // `as`: a unit of the pattern, or NaN
    if (ms >= leastMs && ms <= MAX_TIMER_MS) return ms;
    context.addIssue(`must be a time such as 250ms, 30s, 15m or 24h, from ${leastMs}ms to 24d`);
    return z.NEVER;
  });

/** A time to wait at most. */
export const duration = durationFrom(1);
/** A time between things that are done again and again; short enough for tests, and never a busy loop. */
export const interval = durationFrom(100);

const UNIT_BYTES = {
  B: 1,
  kB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
} as const;
const SIZE = /^([0-9]{1,9})(B|kB|KiB|MB|MiB|GB|GiB)$/;

/** `16kB`, `64MB`: bytes, from `least` to `most`, both written as sizes. */
export const sizeFrom = (least: string, most: string) =>
  z.string().transform((text, context): number => {
    const bytes = bytesOf(text);
    if (bytes >= bytesOf(least) && bytes <= bytesOf(most)) return bytes;
    context.addIssue(`must be a size such as 16kB or 64MB, from ${least} to ${most}`);
    return z.NEVER;
  });

function bytesOf(text: string): number {
  const [, count, unit] = SIZE.exec(text) ?? [];
  return Number(count) * (UNIT_BYTES[unit as keyof typeof UNIT_BYTES] ?? Number.NaN); // `as`: a unit of the pattern, or NaN
}

/** A path in Vault, as `team/kv`. */
export const vaultName = z
  .string()
  .refine(
    (text) => text.split('/').every((part) => part !== '' && !/^\.{1,2}$|[\p{Cc}\p{Cs}]/u.test(part)),
    'must be a path in Vault, such as team/kv: no segment empty, `.` or `..`',
  );

/** `host:port` or `[v6]:port`. */
export const address = z.string().transform((text, context): { host: string; port: number } => {
  const [, v6, host = v6, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):([0-9]{1,5})$/.exec(text) ?? [];
  if (host !== undefined && Number(port) <= 65_535) return { host, port: Number(port) };
  context.addIssue('must be an address and a port, such as 0.0.0.0:8080 or [::]:8080');
  return z.NEVER;
});

/** Comma-separated addresses and networks. */
export const proxies = z.string().transform((text, context): readonly string[] => {
  const list = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  for (const item of list) {
    const [base = '', bits, ...more] = item.split('/');
    const widest = isIP(base) === 6 ? 128 : 32;
    const fits = bits === undefined || (/^[1-9][0-9]{0,2}$/.test(bits) && Number(bits) <= widest);
    if (isIP(base) === 0 || !fits || more.length > 0) {
      context.addIssue(
        `names ${JSON.stringify(item)}, which is neither an address nor a network such as 10.0.0.0/8`,
      );
    }
  }
  return list;
});

/** An http or https URL without user, query or fragment; plain http only to loopback. */
export const webUrl = z.string().transform((text, context): string => {
  const url = /^https?:\/\/[^/\\]/i.test(text) ? URL.parse(text) : null;
  if (url === null) {
    context.addIssue('must be an http or https URL');
    return z.NEVER;
  }
  if (url.username || url.password || /[?#]/.test(text))
    context.addIssue('must be a URL without user, query or fragment');
  else if (url.protocol === 'http:' && !isLoopback(url))
    context.addIssue('may use plain http to a loopback address only; use https');
  return url.href.replace(/\/+$/, '');
});

/** An LM user id. */
export const lmUserId = adminIdSchema;

/** A whole number from 1 to `most`. */
export const countUpTo = (most: number) =>
  z
    .string()
    .refine(
      (text) => /^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= most,
      `must be an integer from 1 to ${most}`,
    )
    .transform(Number);
