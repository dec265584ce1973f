import type { Clock, Deadline } from '../mint/clock.ts';
import type { Events } from '../mint/ports.ts';
import { Problem } from '../mint/problems.ts';
import type { AnswerHead } from './client.ts';
import { Turns } from './turns.ts';

const DEFAULT_WINDOW_MS = 60_000;
/** The least wait for an account that has told no limit. */
const STEP_MS = 1_000;
/** How long a turn that was given may stay unused: it is followed by the sending at once, or not at all. */
const UNUSED_TURN_MS = 5_000;
/** Waiting calls; a further one is told at once. */
const MAX_WAITING = 1_000;

/** One call under way, as `begin` gives it and `end` takes it back. */
export interface Ticket {
  readonly no: number;
}

/** A window as it is now, for metrics. Undefined where LM has not told. */
export interface WindowState {
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  readonly waiting: number;
  /** True after a 429, until the wait that LM asked for is over. */
  readonly paused: boolean;
}

/**
 * The account's rolling rate window for one method, as LM's `X-Rate-Limit-*` headers tell it. What is under way and
 * what has been let out counts as used; what was over a window ago has left it.
 * @see https://www.logicmonitor.com/support/rest-api-developers-guide/overview/rest-api-rate-limit
 */
export class RateWindow {
  readonly #method: string;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #turns: Turns;
  #limit: number | undefined;
  /** Calls that LM would still take; undefined while it has told no limit. Less than 0 when more are under way. */
  #remaining: number | undefined;
  #windowMs = DEFAULT_WINDOW_MS;
  /** When everything that is counted now has left the window. */
  #refillAt = 0;
  #paused = false;
  #inFlight = 0;
  #no = 0;
  /** The latest call whose answer `#remaining` was learned from. */
  #learnedFrom = 0;
  /** Our own calls within the window: when each was over. LM counts from when it came, so none leaves LM's count later. */
  #over: number[] = [];
  /** Turns that were given and not used yet: when each was given. */
  #unused: number[] = [];

  constructor(method: string, clock: Clock, events: Events) {
    this.#method = method;
    this.#clock = clock;
    this.#events = events;
    const gate = { give: () => this.#give(), waitMs: (place: number) => this.#waitMs(place) };
    this.#turns = new Turns(clock, gate, MAX_WAITING);
  }

  /**
   * Waits, first come, first served, until the window has room for one call. Throws `upstream-rate-limited`, with the
   * time after which there may be room: at once when that is beyond the deadline, else when the deadline has passed.
   * `cameAt` (monotonic ms) is for a call that LM sent back: when it came for its first turn.
   */
  async turn(deadline: Deadline, cameAt?: number): Promise<void> {
    const refusedMs = await this.#turns.take(deadline, cameAt);
    if (refusedMs === undefined) return;
    throw new Problem(
      'upstream-rate-limited',
      'LogicMonitor takes no further call of this account for now.',
      {
        retryAfterS: Math.max(1, Math.ceil(refusedMs / 1000)),
      },
    );
  }

  /** Counts a call that is about to be sent; it uses up a turn, if one was given. */
  begin(): Ticket {
    if (this.#unused.shift() === undefined) this.#add(-1);
    this.#inFlight += 1;
    this.#no += 1;
    return { no: this.#no };
  }

  /** Counts a call that is over. `head` is that of LM's answer, undefined without one; `sent` is false when no byte went out. */
  end(ticket: Ticket, head: AnswerHead | undefined, sent: boolean): void {
    this.#inFlight -= 1;
    if (!sent) this.#add(1);
    else if (this.#limit !== undefined) this.#over.push(this.#clock.monotonic());
    if (head !== undefined) this.#learn(ticket, head);
    this.#turns.letOut();
  }

  state(): WindowState {
    this.#roll();
    return {
      limit: this.#limit,
      remaining: this.#remaining === undefined ? undefined : Math.max(0, this.#remaining),
      waiting: this.#turns.waiting,
      paused: this.#paused,
    };
  }

  #learn(ticket: Ticket, { status, headers }: AnswerHead): void {
    this.#roll();
    const now = this.#clock.monotonic();
    const told = numberIn(headers['x-rate-limit-limit'], 1, 1e9);
    const left = numberIn(headers['x-rate-limit-remaining'], 0, 1e9);
    const windowS = numberIn(headers['x-rate-limit-window'], 1, 3600);
    if (told !== undefined) this.#limit = told;
    if (windowS !== undefined) this.#windowMs = windowS * 1000;
    // One that is not LM's own JSON comes from something between, and says nothing of the account.
    if (status === 429 && !isJson(headers['content-type'])) return;
    if (status === 429) {
      if (windowS === undefined) this.#windowMs = DEFAULT_WINDOW_MS;
      if (!this.#paused) {
        this.#events.warn('the rate limit of LogicMonitor is used up', {
          method: this.#method,
          waitMs: this.#windowMs,
        });
      }
      this.#paused = true;
      this.#remaining = 0;
      this.#refillAt = now + this.#windowMs;
      return;
    }
    if (this.#paused) return;
    if (told !== undefined && left !== undefined) {
      const room = left - this.#inFlight - this.#unused.length;
      // An answer to an older call may come late: it can tell of less room, not of more.
      if (ticket.no > this.#learnedFrom || this.#remaining === undefined || room < this.#remaining) {
        this.#remaining = room;
      }
      this.#learnedFrom = Math.max(this.#learnedFrom, ticket.no);
      this.#refillAt = now + this.#windowMs;
    } else if (this.#limit === undefined) {
      this.#remaining = undefined;
    }
  }

  /** Gives the next turn, if there is room for it. */
  #give(): boolean {
    if (this.#waitMs(1) > 0) return false;
    this.#unused.push(this.#clock.monotonic());
    this.#add(-1);
    return true;
  }

  /** Milliseconds until there is room for the `place`th call from now, as far as is known. */
  #waitMs(place: number): number {
    this.#roll();
    if (this.#remaining === undefined) return 0;
    const missing = place - Math.max(0, this.#remaining);
    if (missing <= 0) return 0;
    const now = this.#clock.monotonic();
    const rounds = Math.floor((missing - 1) / (this.#limit ?? 1));
    const refill = this.#refillAt + rounds * (this.#limit === undefined ? STEP_MS : this.#windowMs);
    const leaves = this.#paused ? undefined : this.#over[missing - 1];
    return Math.max(1, Math.min(refill, leaves === undefined ? refill : leaves + this.#windowMs) - now);
  }

  /** Brings the counts to now. */
  #roll(): void {
    const now = this.#clock.monotonic();
    while (expired(this.#unused, now - UNUSED_TURN_MS)) this.#add(1);
    while (expired(this.#over, now - this.#windowMs)) this.#add(1);
    if (this.#remaining === undefined || now < this.#refillAt) return;
    this.#paused = false;
    const room = this.#limit === undefined ? 1 : this.#limit - this.#over.length - this.#inFlight;
    this.#remaining = room - this.#unused.length;
    this.#refillAt = now + (this.#limit === undefined ? STEP_MS : this.#windowMs);
  }

  /** Corrects the room that is left; a pause leaves none, whatever becomes free meanwhile. */
  #add(calls: number): void {
    if (this.#remaining === undefined || this.#paused) return;
    this.#remaining = Math.min(this.#limit ?? Number.POSITIVE_INFINITY, this.#remaining + calls);
  }
}

function isJson(contentType: string | string[] | undefined): boolean {
  return typeof contentType === 'string' && /^application\/json\b/i.test(contentType);
}

/** Takes the first time out of a list when it is no later than `until`; says whether it did. */
function expired(times: number[], until: number): boolean {
  const first = times[0];
  if (first === undefined || first > until) return false;
  times.shift();
  return true;
}

/** A header's whole number from `least` to `most`; undefined for anything else, since proxies and stand-ins send rubbish. */
function numberIn(header: string | string[] | undefined, least: number, most: number): number | undefined {
  if (typeof header !== 'string' || !/^\d{1,10}$/.test(header)) return undefined;
  const value = Number(header);
  return value >= least && value <= most ? value : undefined;
}
