/**
 * A path below `/v1/`, built by segment. Each part may have several segments (`team/kv`); every one is encoded by
 * itself, so that a name can hold any character and yet reach no other mount.
 *
 * Throws a `TypeError` for a segment that is empty, `.` or `..`, or holds a control character or a lone surrogate.
 */
export function vaultPath(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .map((segment) => {
      if (segment === '' || segment === '.' || segment === '..' || /[\p{Cc}\p{Cs}]/u.test(segment)) {
        throw new TypeError('A Vault path must have no segment that is empty, `.`, `..` or unprintable.');
      }
      return encodeURIComponent(segment);
    })
    .join('/');
}
