import { setTimeout as elapsed } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Answer, enveloped, Refusal } from './envelope.ts';
import type { AnswerFault } from './faults.ts';
import type { RateVerdict } from './ratelimit.ts';
import {
  reset,
  type Sent,
  send,
  sendInParts,
  sendPadded,
  sendSlowHeaders,
  sendTruncated,
  type Wire,
} from './wire.ts';

/** One request that waits for its answer. */
export interface Exchange extends Wire {
  version: 'v3' | 'v1';
  rate: RateVerdict;
  /** LM's clock, ms. */
  now: () => number;
  /** Does what was asked for and says what LM answers. Called once at most. */
  carryOut: () => Answer;
}

const JSON_TYPE = 'application/json;charset=UTF-8';
/** [A] The text is reported from real portals, that it comes as HTML is assumed. */
const MAINTENANCE = '<html><body><h1>Service Temporarily Unavailable</h1></body></html>';

/** Answers, with the fault if one strikes. The status sent, or null when the connection was reset instead. */
export async function respond(exchange: Exchange, fault: AnswerFault | undefined): Promise<number | null> {
  const { carryOut } = exchange;
  if (fault === undefined) return send(exchange, usual(exchange, carryOut()));
  switch (fault.kind) {
    case 'delayBeforeCommit':
      await wait(exchange, fault.ms);
      return send(exchange, usual(exchange, carryOut()));
    case 'delayAfterCommit': {
      const answer = usual(exchange, carryOut());
      await wait(exchange, fault.ms);
      return send(exchange, answer);
    }
    case 'resetBeforeCommit':
      return reset(exchange);
    case 'resetAfterCommit':
      carryOut();
      return reset(exchange);
    case 'commitLater':
      // A reset of the simulator takes back what was still to be committed.
      wait(exchange, fault.ms).then(carryOut, () => undefined);
      return fault.status === undefined ? reset(exchange) : send(exchange, refusing(exchange, fault.status));
    default:
      return respondOddly(exchange, fault);
  }
}

type Odd = Extract<AnswerFault, { commit: boolean }>;

/** The faults that may come with or without a commit, each a wrong answer in another way. */
function respondOddly(exchange: Exchange, fault: Odd): number | Promise<number> {
  const right = usual(exchange, fault.commit ? exchange.carryOut() : { status: 200, body: {} });
  switch (fault.kind) {
    case 'status':
      return send(exchange, ofStatus(exchange, fault));
    case 'truncate':
      return sendTruncated(exchange, right);
    case 'oversized':
      return sendPadded(exchange, right, fault.bytes);
    case 'slowBody':
      return sendInParts(exchange, right, fault.ms);
    case 'slowHeaders':
      return sendSlowHeaders(exchange, right, fault.ms);
    case 'redirect':
      return send(exchange, { status: fault.status, headers: { location: fault.location }, body: '' });
    case 'invalidJson':
      return send(exchange, { ...right, body: right.body.slice(0, -Math.ceil(right.body.length / 2)) });
    case 'wrongContentType':
      return send(exchange, { ...right, headers: { ...right.headers, 'content-type': fault.contentType } });
    case 'gzip': {
      const body = gzipSync(Buffer.alloc(fault.bytes, ' '));
      return send(exchange, { ...right, headers: { ...right.headers, 'content-encoding': 'gzip' }, body });
    }
    case 'errorCodeIn200': {
      const body = JSON.stringify({ errorMessage: 'failed', errorCode: fault.errorCode, errorDetail: null });
      return send(exchange, { ...right, status: 200, body });
    }
    case 'accepted202': {
      const body = JSON.stringify({ errorMessage: 'Accepted', errorCode: 1202, errorDetail: null });
      return send(exchange, { ...right, status: 202, body });
    }
  }
}

/** Header names in lower case, so that a fault's replace ours, however they are written. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** LM's answer in the envelope and with the headers that all of LM's answers carry. */
function usual(exchange: Exchange, answer: Answer): Sent & { body: string } {
  const { status, text } = enveloped(answer, exchange.version);
  return { status, headers: { 'content-type': JSON_TYPE, ...lmHeaders(exchange) }, body: text };
}

function refusing(exchange: Exchange, status: number): Sent {
  return usual(exchange, new Refusal(status, `fault: status ${status}`).answer());
}

function ofStatus(exchange: Exchange, fault: Extract<Odd, { kind: 'status' }>): Sent {
  const { status, body, bodyType, rateHeaders = bodyType === 'json' } = fault;
  const headers: Record<string, string> = rateHeaders ? lmHeaders(exchange) : {};
  if (bodyType === 'json') {
    headers['content-type'] = JSON_TYPE;
    // As of LM itself: the version's own envelope would hide the status.
    const text = body ?? enveloped(new Refusal(status, `fault: status ${status}`).answer(), 'v3').text;
    return {
      status,
      headers: { ...headers, ...lowerCased(fault.headers) },
      body: typeof text === 'string' ? text : JSON.stringify(text),
    };
  }
  headers['content-type'] = bodyType === 'html' ? 'text/html' : 'text/plain';
  const text = typeof body === 'string' ? body : MAINTENANCE;
  return { status, headers: { ...headers, ...lowerCased(fault.headers) }, body: text };
}

/** The last second's text: making it anew for each answer is a cost that load tests would see. */
let told = { second: 0, text: '' };

/** `Date` by LM's clock, and the rate limit's headers. */
function lmHeaders({ rate, now }: Exchange): Record<string, string> {
  const second = Math.floor(now() / 1000);
  if (told.second !== second) told = { second, text: new Date(second * 1000).toUTCString() };
  return {
    date: told.text,
    'x-rate-limit-limit': String(rate.limit),
    'x-rate-limit-remaining': String(rate.remaining),
    'x-rate-limit-window': String(rate.windowSeconds),
  };
}

function wait({ stopped }: Exchange, ms: number): Promise<void> {
  return elapsed(ms, undefined, { signal: stopped });
}
