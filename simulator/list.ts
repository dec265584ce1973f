import { Refusal } from './envelope.ts';
import { type Fields, parseFilter } from './filter.ts';

/** The faults that only lists show. */
export interface ListFaults {
  /** A filter whose value holds `[`, `]` or `:` finds nothing. */
  filterFindsNothing: boolean;
  /** Items younger than this are not there yet, ms. */
  lagMs: number;
  /** How many items later pages skip, as if so many earlier ones had been removed meanwhile. */
  shiftBy: number;
}

/** What a list call answers. */
export interface Page {
  total: number;
  searchId: null;
  items: Partial<Fields>[];
}

const DEFAULT_SIZE = 50;
const MAXIMUM_SIZE = 1000;

/**
 * One page by LM's query: `filter`, `sort` (`+id`, `-id`), `offset` (0), `size` (50; [A] capped at 1000, not
 * refused) and `fields`. `known` are the names that filter and sort may use.
 * @throws Refusal 400/1400 for a query that cannot be read [A].
 */
export function page(
  items: Iterable<Fields>,
  query: URLSearchParams,
  known: ReadonlySet<string>,
  faults: ListFaults,
): Page {
  const size = Math.min(count(query, 'size', DEFAULT_SIZE), MAXIMUM_SIZE);
  const offset = count(query, 'offset', 0);
  const text = query.get('filter') ?? '';
  const filter = text === '' ? undefined : parseFilter(text, known);
  const blind = faults.filterFindsNothing && filter?.values.some((value) => /[[\]:]/.test(value)) === true;
  const found: Fields[] = [];
  for (const item of blind ? [] : items) if (filter === undefined || filter.matches(item)) found.push(item);
  sort(found, query.get('sort') ?? '', known);
  const from = offset === 0 ? 0 : offset + faults.shiftBy;
  const fields = query.get('fields')?.split(',');
  const chosen = found.slice(from, from + size);
  return {
    total: found.length,
    searchId: null,
    items: fields === undefined ? chosen : chosen.map((item) => only(item, fields)),
  };
}

function count(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,9}$/.test(text) || (name === 'size' && Number(text) === 0)) {
    throw new Refusal(400, `Invalid value for query parameter '${name}': ${text}`);
  }
  return Number(text);
}

function sort(items: Fields[], order: string, known: ReadonlySet<string>): void {
  if (order === '') return;
  // A bare `+` in a query is a blank once decoded.
  const name = order.replace(/^[-+ ]/, '');
  if (!known.has(name)) throw new Refusal(400, `Invalid sort field: ${name}`);
  const sign = order.startsWith('-') ? -1 : 1;
  items.sort((a, b) => {
    const [left, right] = [a[name] ?? '', b[name] ?? ''];
    return left === right ? 0 : (left < right ? -1 : 1) * sign;
  });
}

function only(item: Fields, fields: string[]): Partial<Fields> {
  return Object.fromEntries(Object.entries(item).filter(([name]) => fields.includes(name)));
}
