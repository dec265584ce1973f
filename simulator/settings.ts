import { z } from 'zod';

const limit = z.union([z.int().nonnegative(), z.literal('off')]);
const milliseconds = z.int().nonnegative();

/**
 * Settings that can change while the simulator runs, each with LogicMonitor's documented default or, where
 * none is public, an assumption marked [A].
 */
export const settingsSchema = z.strictObject({
  /** Requests a window for each method, per endpoint; 0 or "off" lifts it. LM's published defaults. */
  limits: z
    .union([
      z.literal('off'),
      z.strictObject({
        GET: limit.default(500),
        POST: limit.default(200),
        PUT: limit.default(200),
        PATCH: limit.default(250),
        DELETE: limit.default(300),
      }),
    ])
    .default({ GET: 500, POST: 200, PUT: 200, PATCH: 250, DELETE: 300 }),
  /** Length of the rolling rate window, ms. The header tells it in whole seconds, rounded up. */
  windowMs: z.int().positive().default(60_000),
  /** How far a signature's time may be from LM's clock, either way, inclusive, ms. */
  signatureWindowMs: milliseconds.default(1_800_000),
  /** Failures in a row that lock an access id; 0: never. [A] LM locks, but publishes no number. */
  lockAfter: z.int().nonnegative().default(10),
  /** How long a lock holds, ms. [A] */
  lockMs: milliseconds.default(1_800_000),
  /** LM's clock minus ours, ms: moves `Date`, the signature window and `createdOn`. */
  clockOffsetMs: z.int().default(0),
  /** What a list shows as an LMv1 token's access key. [A] A bearer's is always masked, as LM documents. */
  accessKeyInReads: z.enum(['absent', 'null', 'masked']).default('null'),
  /** Whether a bearer token has an access id. [A] */
  bearerAccessId: z.enum(['null', 'given']).default('null'),
});

export type Settings = z.infer<typeof settingsSchema>;

/** A change of settings: only what is named changes; of `limits`, only the methods named. */
export const settingsChangeSchema = z
  .strictObject({
    limits: z.union([
      z.literal('off'),
      z.strictObject({
        GET: limit.optional(),
        POST: limit.optional(),
        PUT: limit.optional(),
        PATCH: limit.optional(),
        DELETE: limit.optional(),
      }),
    ]),
    windowMs: z.int().positive(),
    signatureWindowMs: milliseconds,
    lockAfter: z.int().nonnegative(),
    lockMs: milliseconds,
    clockOffsetMs: z.int(),
    accessKeyInReads: z.enum(['absent', 'null', 'masked']),
    bearerAccessId: z.enum(['null', 'given']),
  })
  .partial();

export type SettingsChange = z.input<typeof settingsChangeSchema>;

/**
 * The settings after a change. Throws a ZodError that names what does not fit.
 */
export function changedSettings(current: Settings, change: unknown): Settings {
  const { limits, ...rest } = settingsChangeSchema.parse(change);
  const base = current.limits === 'off' ? {} : current.limits;
  return settingsSchema.parse({
    ...current,
    ...rest,
    limits: limits === undefined ? current.limits : limits === 'off' ? 'off' : { ...base, ...limits },
  });
}
