import { createSecretKey } from 'node:crypto';
import { Deadline } from '../../src/mint/clock.ts';
import { type CredentialParts, Credentials } from '../../src/mint/credential.ts';
import { type AdminId, adminIdSchema, type DecisionId, newDecisionId } from '../../src/mint/ids.ts';
import type {
  AuditLog,
  CreateAnswer,
  CreateOrder,
  DeleteAnswer,
  Events,
  LmToken,
  OwnerAnswer,
  Pair,
  PairSource,
  Portal,
  SignedCall,
} from '../../src/mint/ports.ts';
import { Problem, type ProblemName } from '../../src/mint/problems.ts';
import type { AuditEvent } from '../../src/mint/records.ts';
import { Secret } from '../../src/mint/secret.ts';
import type { FakeClock } from '../support/clock.ts';

export const ACCESS_KEY = 'H_D9i(f5~B^U36^K6i42=^nS~e75gy382Bf6{)P+';

export const adminId = (id: number): AdminId => adminIdSchema.parse(String(id));
export const decisionId: DecisionId = newDecisionId(() => new Uint8Array(16));

/** The pair that a version of the secret holds: access id `key1`, `key2`, …; `text` makes another key of the same name. */
export function pairOf(version: number, text = `access key ${version}`): Pair {
  return { accessId: `key${version}`, key: createSecretKey(text, 'utf8'), version };
}

export function tokenOf(id = 501): LmToken {
  const accessKey = new Secret(ACCESS_KEY);
  return { id, accessId: 'newAccessId', accessKey, createdOn: 1_795_000_000, status: 2, roles: ['readonly'] };
}

/** What happened, in order: one line for each call that a part took. */
export class Journal {
  lines: string[] = [];

  note(line: string): void {
    this.lines.push(line);
  }

  /** How often a line like this was noted. */
  count(start: string): number {
    return this.lines.filter((line) => line.startsWith(start)).length;
  }

  /** What was noted since the last time. */
  taken(): string[] {
    return this.lines.splice(0);
  }
}

/** Vault: `stored` is what it holds, `known` what the broker has read of it. A `Problem` in place of a pair is thrown. */
class FakeSource implements PairSource {
  stored: Pair | Problem;
  known: Pair | Problem;
  readonly #journal: Journal;

  constructor(pair: Pair, journal: Journal) {
    this.stored = pair;
    this.known = pair;
    this.#journal = journal;
  }

  /** A rotation that the broker's timer has seen. */
  rotate(pair: Pair): void {
    this.stored = pair;
    this.known = pair;
  }

  async current(): Promise<Pair> {
    return pairOrThrow(this.known);
  }

  async reread(): Promise<Pair> {
    this.#journal.note('reread');
    const pair = pairOrThrow(this.stored);
    this.known = pair;
    return pair;
  }
}

function pairOrThrow(pair: Pair | Problem): Pair {
  if (pair instanceof Problem) throw pair;
  return pair;
}

export const REJECTED = { kind: 'key-rejected', skewMs: 0 } as const;
export const unknownOwner = (status: number | null, reason = `http-${status}`): OwnerAnswer => ({
  kind: 'unknown',
  status,
  reason,
});

type Answers<A> = A | ((pair: string) => Promise<A>);

/** LogicMonitor: answers what it was told to answer, by access id where it matters. */
class FakePortal implements Portal {
  /** Whose each pair is; a pair that is not here is rejected. */
  readonly owners = new Map<string, Answers<OwnerAnswer>>();
  /** Answers to POST, the next one first; the last one is given again. */
  creates: Answers<CreateAnswer>[] = [{ kind: 'created', status: 200, durationMs: 30, token: tokenOf() }];
  /** Answers to DELETE, the same way. */
  deletes: Answers<DeleteAnswer>[] = [{ kind: 'deleted' }];
  /** How many more POSTs the window has room for. */
  turns = Number.POSITIVE_INFINITY;
  signFault: Error | undefined;
  readonly orders: CreateOrder[] = [];
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  sign(order: CreateOrder, { accessId }: Pair): SignedCall {
    this.#journal.note(`sign ${accessId}`);
    if (this.signFault !== undefined) throw this.signFault;
    this.orders.push(order);
    return { method: 'POST', path: '/', query: '', body: '{}', authorization: new Secret(accessId) };
  }

  async turn(): Promise<void> {
    this.#journal.note('turn');
    if (this.turns === 0) throw problem('upstream-rate-limited');
    this.turns -= 1;
  }

  async send({ authorization }: SignedCall): Promise<CreateAnswer> {
    const by = authorization.reveal();
    this.#journal.note(`send ${by}`);
    return answered(next(this.creates), by);
  }

  async remove(admin: AdminId, tokenId: number, { accessId }: Pair): Promise<DeleteAnswer> {
    this.#journal.note(`remove ${admin}/${tokenId} ${accessId}`);
    return answered(next(this.deletes), accessId);
  }

  async findOwner({ accessId }: Pair): Promise<OwnerAnswer> {
    this.#journal.note(`findOwner ${accessId}`);
    return answered(this.owners.get(accessId) ?? REJECTED, accessId);
  }
}

function next<A>(answers: A[]): A {
  const [first] = answers.length > 1 ? answers.splice(0, 1) : answers;
  if (first === undefined) throw new Error('a fake without an answer');
  return first;
}

async function answered<A extends object>(answer: Answers<A>, by: string): Promise<A> {
  return typeof answer === 'function' ? answer(by) : answer;
}

/** The audit log: takes every record at once, or fails at a kind, or waits until the test lets it go on. */
export class FakeAudit implements AuditLog {
  readonly events: AuditEvent[] = [];
  /** Kinds of records that cannot be made durable. */
  readonly failing = new Set<AuditEvent['kind']>();
  /** Called before a record counts as durable. */
  before: (event: AuditEvent) => Promise<void> = async () => {};
  readonly late: AuditEvent[] = [];
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  async durable(event: AuditEvent, ifLate?: AuditEvent): Promise<void> {
    this.#journal.note(`durable ${named(event)}?`);
    await this.before(event);
    if (this.failing.has(event.kind)) {
      if (ifLate !== undefined) this.late.push(ifLate);
      throw new Problem('audit-unavailable', 'The request could not be recorded.', {
        operatorReason: 'late',
      });
    }
    this.events.push(event);
    this.#journal.note(`durable ${named(event)}`);
  }

  soon(event: AuditEvent): void {
    this.events.push(event);
    this.#journal.note(`soon ${named(event)}`);
  }

  /** Records of this kind, as a test wants to look into them. */
  of<K extends AuditEvent['kind']>(kind: K): Extract<AuditEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<AuditEvent, { kind: K }> => event.kind === kind);
  }
}

function named(event: AuditEvent): string {
  switch (event.kind) {
    case 'outcome':
      return `outcome ${event.outcome}`;
    case 'delivery':
      return `delivery ${event.delivery}`;
    case 'system':
      return `system ${event.event}`;
    default:
      return event.kind;
  }
}

/** What the operator was told. */
class FakeEvents implements Events {
  readonly warnings: { message: string; detail: Readonly<Record<string, unknown>> }[] = [];
  readonly infos: string[] = [];

  warn(message: string, detail: Readonly<Record<string, unknown>>): void {
    this.warnings.push({ message, detail });
  }

  info(message: string): void {
    this.infos.push(message);
  }
}

/** Credentials over fakes: version 1 of the pair is in Vault, and its LM user is 7. */
export function credentialsWith(clock: FakeClock, options: Partial<CredentialParts> = {}) {
  const journal = new Journal();
  const source = new FakeSource(pairOf(1), journal);
  const portal = new FakePortal(journal);
  portal.owners.set('key1', { kind: 'found', adminId: adminId(7) });
  const audit = new FakeAudit(journal);
  const events = new FakeEvents();
  const credentials = new Credentials({
    source,
    portal,
    ownAdminId: undefined,
    clock,
    audit,
    events,
    searchTimeoutMs: 8_000,
    ...options,
  });
  const deadline = () => new Deadline(clock, 20_000);
  const mintFor = (id = 32) => credentials.forMint({ adminId: adminId(id), decisionId }, deadline());
  return { journal, source, portal, audit, events, credentials, deadline, mintFor, clock };
}

/** The problem that something failed with, and the operator's reason if there is one; or the access id that it came to. */
export async function cameTo(promise: Promise<{ pair: Pair }>): Promise<string> {
  return promise.then(
    ({ pair }) => pair.accessId,
    (thrown: unknown) => problemOf(thrown),
  );
}

export function problemOf(thrown: unknown): string {
  if (!(thrown instanceof Problem)) throw thrown;
  const { reason, operatorReason } = thrown.extras;
  return [thrown.problem, reason ?? operatorReason].filter((part) => part !== undefined).join(' ');
}

export const problem = (name: ProblemName): Problem => new Problem(name, `A problem: ${name}.`);
