import type { AuthenticationFailure } from './authenticate.ts';

/** One request to the API as it came, and what became of it. Never its signature, key or Authorization. */
export interface JournalEntry {
  /** Counts from 1 and never starts again, so that a reader can ask for what is newer. */
  n: number;
  /** When it came, epoch ms, and how long until it was answered, ms; null: not yet. Real time, not LM's. */
  at: number;
  durationMs: number | null;
  method: string;
  /** The path after `/santaba/rest` as it came, and the query with its `?`. */
  path: string;
  query: string;
  /** The body as text, cut at 16 KiB. */
  body: string;
  version: 'v3' | 'v1';
  /** The access id of the token that signed, when it was authenticated and has one. */
  accessId: string | null;
  /** Why it was not authenticated; callers are never told. */
  refused: AuthenticationFailure | null;
  /** The kind of the fault that struck. */
  fault: string | null;
  /** The status sent; null: none yet, or the connection was reset. */
  status: number | null;
  /** Whether it changed a token, and which. */
  committed: boolean;
  tokenId: number | null;
}

const KEPT = 1000;
const BODY_KEPT = 16_384;

/** The last 1,000 requests, in memory. */
export class Journal {
  #entries: JournalEntry[] = [];
  #count = 0;

  /** Opens the entry of a request that has come. */
  open(
    came: Pick<JournalEntry, 'at' | 'method' | 'path' | 'query' | 'version'> & { body: Buffer },
  ): JournalEntry {
    this.#count += 1;
    const entry: JournalEntry = {
      n: this.#count,
      at: came.at,
      durationMs: null,
      method: came.method,
      path: came.path,
      query: came.query,
      body: came.body.toString('utf8', 0, BODY_KEPT),
      version: came.version,
      accessId: null,
      refused: null,
      fault: null,
      status: null,
      committed: false,
      tokenId: null,
    };
    this.#entries[(this.#count - 1) % KEPT] = entry;
    return entry;
  }

  /** The requests that are kept and came after number `after`, oldest first. */
  list(after = 0): JournalEntry[] {
    const turn = this.#count % KEPT;
    const inOrder =
      this.#count > KEPT ? [...this.#entries.slice(turn), ...this.#entries.slice(0, turn)] : this.#entries;
    return inOrder.filter(({ n }) => n > after);
  }

  /** How many requests have come in all. */
  get count(): number {
    return this.#count;
  }

  /** Forgets the entries; numbers go on. */
  clear(): void {
    this.#entries = [];
  }
}
