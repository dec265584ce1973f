import { z } from 'zod';
import type { AnswerHead } from './client.ts';

/** The body of an answer: a JSON object, or the code of what keeps it from being one. */
export type ReadAnswer =
  | { readonly ok: true; readonly object: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly reason: 'encoded' | 'not-json' };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const anObject = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

/** Reads a body that LM calls JSON in its `Content-Type`, unencoded, and that is an object in UTF-8. Never throws. */
export function readAnswer(head: AnswerHead, body: Uint8Array): ReadAnswer {
  const encoding = head.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return { ok: false, reason: 'encoded' };
  const type = head.headers['content-type'];
  if (typeof type !== 'string' || !/^application\/json[ \t]*(?:;|$)/i.test(type)) {
    return { ok: false, reason: 'not-json' };
  }
  try {
    return { ok: true, object: anObject.parse(JSON.parse(utf8.decode(body))) };
  } catch {
    return { ok: false, reason: 'not-json' };
  }
}

const lmError = z.object({ errorMessage: z.string(), errorCode: z.number() });

/** True when an object is LM's own v3 error: only that proves that LM itself, and no proxy before it, has refused. */
export function isLmError(object: Readonly<Record<string, unknown>>): boolean {
  return lmError.safeParse(object).success;
}

/**
 * The code of why a 200 is no success after all: LM has answered failures so, as `errorCode` or, to a request whose
 * `X-Version` got lost on the way, in the envelope of v1. Undefined when neither is there.
 */
export function failureWithin(object: Readonly<Record<string, unknown>>): string | undefined {
  const { errorCode, errmsg } = object;
  if (typeof errorCode === 'number') return `error-code-${errorCode}`;
  return errmsg === undefined ? undefined : 'v1-envelope';
}
