import type { Clock, Deadline } from '../mint/clock.ts';
import type { AdminId } from '../mint/ids.ts';
import type {
  CreateAnswer,
  CreateOrder,
  DeleteAnswer,
  Events,
  OwnerAnswer,
  Pair,
  Portal,
  SignedCall,
} from '../mint/ports.ts';
import { Problem } from '../mint/problems.ts';
import { createdBy } from './answers.ts';
import { type ClientSettings, createClient, type Exchange } from './client.ts';
import { OWNER_PATH, ownerBy, ownerQuery } from './find-owner.ts';
import { signLmv1 } from './lmv1.ts';
import { deletedBy } from './remove.ts';
import { ClockSkew } from './skew.ts';
import { RateWindow, type WindowState } from './window.ts';

export type PortalSettings = ClientSettings;

/** A portal, and what its operator can watch. */
export interface LmPortal extends Portal {
  /** LM's clock minus ours in milliseconds; undefined before LM's first answer. */
  clockSkewMs(): number | undefined;
  /** The account's rate windows by method. */
  rateWindows(): Readonly<Record<SignedCall['method'], WindowState>>;
  /** Breaks off the calls under way, each of which then has an unknown end. Resolves when the connections are closed. */
  breakOff(): Promise<void>;
}

/** What a turn leaves of its deadline for the call itself: one cut short has an unknown end. */
const SENDING_MS = 1_000;
/** How long calls that nobody's answer depends on wait for their turn. */
const SHORT_WAIT_MS = 2_000;

/**
 * LogicMonitor's REST API v3, as far as the broker uses it. Of what LM answers, only tokens and codes of ours leave
 * this folder. Throws a TypeError when `baseUrl` is no URL.
 * @see https://logicmonitor.com/support/rest-api-developers-guide
 */
export function createPortal(
  settings: PortalSettings,
  { clock, events }: { readonly clock: Clock; readonly events: Events },
): LmPortal {
  const client = createClient(settings, clock);
  const skew = new ClockSkew(clock, events);
  let brokenOff = false;
  const windows = {
    GET: new RateWindow('GET', clock, events),
    POST: new RateWindow('POST', clock, events),
    DELETE: new RateWindow('DELETE', clock, events),
  };

  function signed(
    method: SignedCall['method'],
    path: string,
    query: string,
    body: string,
    { accessId, key }: Pair,
  ): SignedCall {
    const authorization = signLmv1({ verb: method, epochMs: clock.now(), body, path, accessId, key });
    return { method, path, query, body, authorization };
  }

  /** Sends a call, and learns from its answer what LM tells in every one: its clock and its rate window. */
  async function exchange(
    call: SignedCall,
    deadline: Deadline,
  ): Promise<{ exchange: Exchange; skewMs: number | undefined; durationMs: number }> {
    const startedAt = clock.monotonic();
    const ticket = windows[call.method].begin();
    const exchange = await client.exchange(call, deadline);
    const head = exchange.kind === 'unsent' ? undefined : exchange.head;
    windows[call.method].end(ticket, head, exchange.kind !== 'unsent');
    const skewMs = skew.watch(head?.headers['date']);
    return { exchange, skewMs, durationMs: clock.monotonic() - startedAt };
  }

  /** A turn of a window, if there is one soon. */
  async function soonTurn(method: SignedCall['method'], deadline: Deadline): Promise<boolean> {
    return await windows[method].turn(deadline.within(SHORT_WAIT_MS)).then(
      () => true,
      () => false,
    );
  }

  return {
    sign({ adminId, type, note, status }: CreateOrder, pair: Pair): SignedCall {
      const query = type === 'bearer' ? '?type=bearer' : '';
      return signed('POST', tokensPath(adminId), query, JSON.stringify({ note, status }), pair);
    },

    async turn(deadline: Deadline, cameAt?: number): Promise<void> {
      if (brokenOff) throw new Problem('draining', 'This broker is shutting down; nothing was sent.');
      await windows.POST.turn(deadline.within(Math.max(0, deadline.remainingMs() - SENDING_MS)), cameAt);
    },

    async send(call: SignedCall, deadline: Deadline): Promise<CreateAnswer> {
      const { exchange: came, skewMs, durationMs } = await exchange(call, deadline);
      return { durationMs, ...createdBy(call, came, skewMs, clock.now()) };
    },

    async remove(adminId: AdminId, tokenId: number, pair: Pair, deadline: Deadline): Promise<DeleteAnswer> {
      if (!(await soonTurn('DELETE', deadline)))
        return { kind: 'failed', status: null, reason: 'rate-limited' };
      const call = signed('DELETE', `${tokensPath(adminId)}/${tokenId}`, '', '', pair);
      const { exchange: came, skewMs } = await exchange(call, deadline);
      return deletedBy(came, skewMs);
    },

    async findOwner(pair: Pair, deadline: Deadline): Promise<OwnerAnswer> {
      if (!(await soonTurn('GET', deadline)))
        return { kind: 'unknown', status: null, reason: 'rate-limited' };
      const call = signed('GET', OWNER_PATH, ownerQuery(pair.accessId), '', pair);
      const { exchange: came, skewMs } = await exchange(call, deadline);
      return ownerBy(pair.accessId, came, skewMs);
    },

    clockSkewMs: () => skew.ms(),
    rateWindows: () => ({
      GET: windows.GET.state(),
      POST: windows.POST.state(),
      DELETE: windows.DELETE.state(),
    }),
    breakOff() {
      brokenOff = true;
      return client.breakOff();
    },
  };
}

function tokensPath(adminId: AdminId): string {
  return `/setting/admins/${adminId}/apitokens`;
}
