import { z } from 'zod';
import type { Randomness } from './keys.ts';
import type { SettingsChange } from './settings.ts';

/** A user as options and the control endpoint give it; what is left out keeps its value, or a default. */
export const adminSchema = z.strictObject({
  id: z.int().positive(),
  username: z.string().optional(),
  roles: z.array(z.string()).optional(),
  status: z.enum(['active', 'suspended']).optional(),
  manages: z.enum(['all', 'own', 'none']).optional(),
});
export type AdminInput = z.infer<typeof adminSchema>;

/** An LMv1 key pair to put into the account; what is left out is made up. */
export const keySchema = z.strictObject({
  adminId: z.int().positive().default(7),
  accessId: z
    .string()
    .regex(/^[^\s:]+$/)
    .optional(),
  accessKey: z.string().min(1).optional(),
  note: z.string().default(''),
});
export type KeyInput = z.input<typeof keySchema>;

/** What an account starts with, and returns to at a reset. */
export interface AccountOptions {
  /** Users beside, or instead of, the four that are always there: 7, 32, 33 and 41. */
  admins?: AdminInput[] | undefined;
  /** Key pairs that are there from the start. */
  keys?: KeyInput[] | undefined;
  settings?: SettingsChange | undefined;
  /** Our clock, ms; LM's is this plus the setting `clockOffsetMs`. */
  clock?: (() => number) | undefined;
  random?: Randomness | undefined;
}

/** The users of every account; 7 is the owner of the broker's own key. */
export const SEEDED: AdminInput[] = [
  { id: 7, username: 'token-broker', roles: ['administrator'], manages: 'all' },
  { id: 32, username: 'automation', roles: ['automation', 'readonly'] },
  { id: 33, username: 'reporting', roles: ['readonly'] },
  { id: 41, username: 'deployments', roles: ['manager'] },
];
