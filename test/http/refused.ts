import type { Test } from 'tap';
import { PROBLEMS, type ProblemName } from '../../src/mint/problems.ts';
import type { Answer, Stack } from '../support/stack.ts';
import { ask, type WireRequest } from './connection.ts';

/** Something that is not a request for a token, and what it is answered. */
export interface Row {
  readonly name: string;
  readonly problem: ProblemName;
  /** The places that `errors[]` names, in order; only with `invalid-request`. */
  readonly pointers?: readonly string[];
  readonly method?: string;
  readonly path?: string;
  /** Instead of the caller's credentials and the media type of JSON. */
  readonly headers?: WireRequest['headers'];
  /** After those two. */
  readonly more?: WireRequest['headers'];
  readonly body?: string | Uint8Array;
  /** The admin in the record; null when what was named is none. 32 unless said. */
  readonly admin?: number | null;
  readonly allow?: string;
}

/** Checks rows against one broker, and at the end that the audit log has what each is owed. */
export class Refusals {
  readonly #t: Pick<Test, 'test' | 'teardown'>;
  readonly #stack: Stack;
  readonly #recorded: { readonly row: Row; readonly requestId: string }[] = [];
  readonly #counted: Row[] = [];

  constructor(t: Pick<Test, 'test' | 'teardown'>, stack: Stack) {
    this.#t = t;
    this.#stack = stack;
  }

  /** Rows of callers that are known: each leaves one `request` record. */
  known(title: string, rows: readonly Row[]): void {
    this.#refuses(title, rows, (row, requestId) => this.#recorded.push({ row, requestId }));
  }

  /** Rows that are refused before anybody is known: each is counted in `refusals`. */
  unknown(title: string, rows: readonly Row[]): void {
    this.#refuses(title, rows, (row) => this.#counted.push(row));
  }

  /** Stops the broker, and compares its audit log with all that was refused until then. */
  allOnRecord(): void {
    const title = 'each is on record: one for each known caller, counts for the others, and no intent';
    this.#t.test(title, async (t) => {
      await this.#stack.broker.stop();
      const records = await this.#stack.records();
      for (const { row, requestId } of this.#recorded) {
        const own = records.filter((record) => 'requestId' in record && record.requestId === requestId);
        t.match(own, [this.#recordOf(row)], row.name);
        t.equal(own.length, 1, row.name);
      }
      const counts: Record<string, number> = {};
      for (const record of records)
        if (record.kind === 'refusals')
          for (const { cause, count } of record.counts) counts[cause] = (counts[cause] ?? 0) + count;
      const expected = Object.entries(Object.groupBy(this.#counted, ({ problem }) => problem));
      t.strictSame(counts, Object.fromEntries(expected.map(([problem, rows]) => [problem, rows.length])));
      t.notOk(records.some(({ kind }) => kind === 'intent'));
    });
  }

  /** Sends each row, checks its answer to the last member, and that LogicMonitor heard nothing of it. */
  #refuses(title: string, rows: readonly Row[], keep: (row: Row, requestId: string) => void): void {
    this.#t.test(title, async (t) => {
      const before = this.#sentUpstream();
      for (const row of rows) {
        const answer = await this.#send(row);
        const requestId = answer.headers.get('x-request-id') ?? '';
        checkAnswer(t, row, answer, requestId);
        keep(row, requestId);
      }
      t.equal(this.#sentUpstream(), before, 'nothing went upstream');
    });
  }

  #send(row: Row): Promise<Answer> {
    const { broker, callerJwt } = this.#stack;
    const { method = 'POST', path = '/admins/32/tokens', more = [] } = row;
    const { headers = [['Authorization', `Bearer ${callerJwt}`], JSON_TYPE] } = row;
    const body = row.body ?? (method === 'POST' ? '{}' : undefined);
    return ask(this.#t, broker.url, {
      method,
      path,
      headers: [...headers, ...more],
      ...(body !== undefined && { body }),
    });
  }

  #recordOf(row: Row): object {
    return {
      kind: 'request',
      outcome: 'refused',
      problem: row.problem,
      adminId: row.admin === undefined ? 32 : row.admin,
      reason: row.pointers?.join(' ') ?? null,
      decision: null,
      requested: null,
      principal: { subject: this.#stack.vault.callers.allowed.subject },
    };
  }

  /** How many requests LogicMonitor got that could change something; the broker lists tokens by itself. */
  #sentUpstream(): number {
    return this.#stack.simulator.requests().filter(({ method }) => method !== 'GET').length;
  }
}

/** The media type that this API takes, as a header. */
export const JSON_TYPE = ['Content-Type', 'application/json'] as const;

function checkAnswer(t: Test, row: Row, { headers, status, body }: Answer, requestId: string): void {
  const { title, status: expected } = PROBLEMS[row.problem];
  const { detail, errors, ...rest } = body ?? {};
  t.equal(status, expected, row.name);
  t.strictSame(
    rest,
    { type: `/problems/${row.problem}`, title, status, instance: `/requests/${requestId}`, requestId },
    row.name,
  );
  t.type(detail, 'string', row.name);
  t.strictSame(pointersOf(errors), row.pointers, row.name);
  t.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8', row.name);
  t.equal(headers.get('cache-control'), 'no-store', row.name);
  t.equal(headers.get('allow'), row.allow ?? null, row.name);
  t.equal(headers.has('www-authenticate'), row.problem === 'unauthenticated', row.name);
  t.equal(headers.get('retry-after'), null, row.name);
}

function pointersOf(errors: unknown): string[] | undefined {
  return Array.isArray(errors) ? errors.map(({ pointer }) => pointer) : undefined;
}

/** A value in printable ASCII, since a test's name stands on a line of its own. */
export function printed(value: unknown): string {
  const ascii = JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
  return ascii.length > 40 ? `${ascii.slice(0, 40)}… (${ascii.length})` : ascii;
}

/** Rows whose bodies have faults at these places. */
export function bodies(
  rows: readonly (readonly [name: string, body: string | Uint8Array, pointers: readonly string[]])[],
): Row[] {
  return rows.map(([name, body, pointers]) => ({ name, problem: 'invalid-request', body, pointers }));
}

/** What `bodies` takes, for a body of one member with a fault. */
export function one(member: string, value: unknown): [name: string, body: string, pointers: string[]] {
  return [`${member} ${printed(value)}`, JSON.stringify({ [member]: value }), [`/${member}`]];
}
