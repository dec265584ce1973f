type Claims = Record<string, unknown>;

/** A genuine token, but for its signature. */
export interface Token {
  /** Beside `alg` and `kid`. */
  readonly header: Claims;
  /** Seconds from `iat` to `exp`, and from `iat` to `nbf`. */
  readonly lifeS: number;
  readonly nbfS?: number;
  /** Beside these times, or instead of them. */
  readonly claims: Claims;
}

/** A token as a platform makes it, and what others could have made instead. */
export interface TokenExample extends Token {
  /** Below `examples/issuers`. */
  readonly folder: string;
  /** The service that it is in the end: alias and subject. */
  readonly service: string;
  /** Changes of the claims (undefined: left out) after which the caller is known still, and refused for this reason. */
  readonly denied: Readonly<Record<string, readonly [reason: string, change: Claims]>>;
  /** Changes after which the caller is not even known, for this reason. */
  readonly unknown: Readonly<Record<string, readonly [reason: string, change: Claims]>>;
}
