import { createHash } from 'node:crypto';

/** A LogicMonitor user. */
export interface Admin {
  id: number;
  username: string;
  roles: string[];
  /** [A] A suspended user's tokens get 401; tokens can still be made for such a user. */
  status: 'active' | 'suspended';
  /** Whose tokens this user may see and change: everybody's, its own, or nobody's (403). [A] LM's rights are finer. */
  manages: 'all' | 'own' | 'none';
}

export type TokenType = 'lmv1' | 'bearer';

/** An API token with its secret. */
export interface Token {
  id: number;
  adminId: number;
  type: TokenType;
  accessId: string | null;
  accessKey: string;
  note: string;
  /** LM's values: 1 disabled, 2 enabled. */
  status: 1 | 2;
  createdBy: string;
  /** LM's clock, ms; shown as epoch seconds. */
  createdAt: number;
  /** LM's clock, epoch seconds; 0 before the first use [A]. */
  lastUsedOn: number;
  lastAuthIp: string;
}

/** Failures in a row of one access id, and until when (LM's clock, ms) it is locked; 0: not locked. */
interface Lock {
  failures: number;
  lockedUntil: number;
}

/** The account's users and tokens, with the look-ups that requests need. */
export class Portal {
  readonly admins = new Map<number, Admin>();
  readonly locks = new Map<string, Lock>();
  readonly #tokens = new Map<number, Token>();
  readonly #byAdmin = new Map<number, Map<number, Token>>();
  readonly #byAccessId = new Map<string, Token>();
  readonly #byBearer = new Map<string, Token>();
  #lastId = 0;

  /** Stores a token under the next id. */
  add(token: Omit<Token, 'id'>): Token {
    this.#lastId += 1;
    const stored = { id: this.#lastId, ...token };
    this.#tokens.set(stored.id, stored);
    const own = this.#byAdmin.get(stored.adminId) ?? new Map<number, Token>();
    own.set(stored.id, stored);
    this.#byAdmin.set(stored.adminId, own);
    if (stored.type === 'bearer') this.#byBearer.set(digest(stored.accessKey), stored);
    else if (stored.accessId !== null) this.#byAccessId.set(stored.accessId, stored);
    return stored;
  }

  /** Removes a token; false when it is not there. */
  remove(token: Token): boolean {
    this.#byAdmin.get(token.adminId)?.delete(token.id);
    if (token.accessId !== null) {
      this.#byAccessId.delete(token.accessId);
      this.locks.delete(token.accessId);
    }
    if (token.type === 'bearer') this.#byBearer.delete(digest(token.accessKey));
    return this.#tokens.delete(token.id);
  }

  /** The user's token of that id, if there is one. */
  token(adminId: number, id: number): Token | undefined {
    return this.#byAdmin.get(adminId)?.get(id);
  }

  byAccessId(accessId: string): Token | undefined {
    return this.#byAccessId.get(accessId);
  }

  /** Looks the secret up by its hash, so that the time taken tells nothing of it. */
  byBearer(secret: string): Token | undefined {
    return this.#byBearer.get(digest(secret));
  }

  /** All tokens of one user, or of everybody, oldest first. */
  tokens(adminId?: number): Iterable<Token> {
    if (adminId === undefined) return this.#tokens.values();
    return this.#byAdmin.get(adminId)?.values() ?? [];
  }

  get size(): number {
    return this.#tokens.size;
  }
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}
