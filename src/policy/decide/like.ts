/** A pattern as Cedar takes it apart: any text, or exactly that. */
type Element = 'Wildcard' | { readonly Literal: string };

/**
 * Cedar's `like`: the whole text fits the pattern. Each piece between two wildcards is taken where it comes first,
 * which leaves the most for those that follow; so there is no going back, and the time is bounded by the lengths.
 */
export function likeTest(pattern: readonly Element[]): (text: string) => boolean {
  const pieces = [''];
  for (const element of pattern) {
    if (element === 'Wildcard') pieces.push('');
    else pieces.push(`${pieces.pop()}${element.Literal}`);
  }
  const [head = '', ...more] = pieces;
  const tail = more.pop();
  if (tail === undefined) return (text) => text === head;
  return (text) => {
    if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail))
      return false;
    let at = head.length;
    for (const piece of more) {
      const found = text.indexOf(piece, at);
      if (found === -1) return false;
      at = found + piece.length;
    }
    return at <= text.length - tail.length;
  };
}
