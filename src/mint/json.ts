import type { RequestFault } from './problems.ts';

/** What came out of a text: its value, or the faults that make it unfit. */
export type ReadJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly faults: readonly RequestFault[] };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads JSON as I-JSON does (RFC 7493): UTF-8 without a byte order mark, and no member twice in an object, whatever
 * escapes spell its name. `JSON.parse` keeps the last of two silently, so that a gateway before us and the broker
 * could each approve something else. A member named `__proto__` is refused too. Never throws.
 */
export function readJson(bytes: Uint8Array): ReadJson {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return { ok: false, faults: [{ pointer: '', detail: 'the body is not valid UTF-8' }] };
  }
  try {
    const value: unknown = JSON.parse(text);
    const faults = memberFaults(text);
    return faults.length === 0 ? { ok: true, value } : { ok: false, faults };
  } catch {
    return { ok: false, faults: [{ pointer: '', detail: 'the body is not valid JSON' }] };
  }
}

/** An RFC 6901 pointer to `path`. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** One object or array that the scan is inside of. */
interface Level {
  /** Members seen so far; undefined in an array. */
  readonly members: Set<string> | undefined;
  /** The member or index that is being read. */
  step: string | number;
}

const MAX_FAULTS = 20;
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Walks the strings and brackets of a text that `JSON.parse` took, and names members that stand twice. */
function memberFaults(text: string): RequestFault[] {
  const faults: RequestFault[] = [];
  const levels: Level[] = [];
  let nameNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    if (token === '{') {
      levels.push({ members: new Set(), step: '' });
      nameNext = true;
    } else if (token === '[') {
      levels.push({ members: undefined, step: 0 });
      nameNext = false;
    } else if (token === '}' || token === ']') {
      levels.pop();
      nameNext = false;
    } else if (token === ',') {
      nameNext = level?.members !== undefined;
      if (level !== undefined && typeof level.step === 'number') level.step += 1;
    } else if (token === ':') {
      nameNext = false;
    } else if (nameNext && level?.members !== undefined) {
      const name = String(JSON.parse(token));
      level.step = name;
      const fault = level.members.has(name)
        ? 'stands twice'
        : name === '__proto__'
          ? 'is not allowed'
          : undefined;
      level.members.add(name);
      if (fault !== undefined) {
        faults.push({ pointer: jsonPointer(levels.map(({ step }) => step)), detail: `the member ${fault}` });
        if (faults.length === MAX_FAULTS) return faults;
      }
    }
  }
  return faults;
}
