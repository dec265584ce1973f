import { z } from 'zod';
import { escapeUnfit } from '../../mint/text.ts';
import type { Access } from '../../policy/access.ts';
import type { BundleFault } from '../../policy/faults.ts';
import type { Action } from '../../policy/question.ts';
import { type Say, UsageFault } from '../arguments.ts';
import { coloured } from '../colours.ts';
import { csvRecord } from '../csv.ts';
import { type Cell, type Column, tableLines } from '../table.ts';
import { asksFor } from './asks-for.ts';
import { jsonText, sayRemarks } from './open.ts';

/** The flags that both commands of the access review take. */
export const ACCESS_FLAGS = {
  action: { type: 'string' },
  json: { type: 'boolean' },
  csv: { type: 'boolean' },
} as const;

/** What the help of both commands says of their flags and of what they answer. */
export const ACCESS_HELP = `  --action ACTION     mintToken or revokeToken [mintToken]
  --json              as JSON
  --csv               as CSV (RFC 4180) with a header; a cell that begins with
                      = + - @ or a tab gets a ' before it, so that no
                      spreadsheet takes it for a formula

Verdicts, from the scopes of the policies: who does what to whom.
  yes      a permit without conditions fits, and no forbid does
  depends  a permit fits, and conditions of permits or forbids decide
           at each request
  no       no permit fits, or a forbid without conditions does

Conditions (when, unless) are not evaluated here. A policy that has some is
marked so; \`policy explain\` tries it on a request. If one cannot be evaluated
for a request, that is refused, even where a \`yes\` stands. Under ASKS FOR is
what a request must have or is bounded by; of all permits that match it the
strictest applies.`;

/** An access review, ready to be said. */
export interface Review {
  /** What was asked and found, as `--json` gives it, the notes apart. */
  readonly found: object;
  readonly action: Action;
  /** The line above the table. */
  readonly heading: string;
  /** What each row is about, and what that is in: a title each. */
  readonly titles: readonly [string, string];
  readonly rows: readonly { readonly of: string; readonly in: readonly string[]; readonly access: Access }[];
  /** Columns that are the same in every row, which CSV needs and a table does not. */
  readonly given: readonly (readonly [title: string, value: string])[];
  /** Who the last row stands for. */
  readonly others: string;
  /** What this version does not enforce of the bundle. */
  readonly notes: readonly BundleFault[];
}

/** The action that was asked for. Throws a `UsageFault`. */
export function actionOf(text: string | undefined): Action {
  const read = z.enum(['mintToken', 'revokeToken']).default('mintToken').safeParse(text);
  if (!read.success) throw new UsageFault('--action must be mintToken or revokeToken');
  return read.data;
}

type Form = 'json' | 'csv' | 'table';

/** The form that the answer is to have. Throws a `UsageFault` for two at once. */
export function formOf({ json, csv }: { readonly json?: boolean; readonly csv?: boolean }): Form {
  if (json && csv) throw new UsageFault('--json and --csv exclude each other');
  return json ? 'json' : csv ? 'csv' : 'table';
}

/** Says a review; a table so that it fits `width` columns of a terminal, where that is known. */
export function sayReview(
  review: Review,
  form: Form,
  { say, width }: { readonly say: Say; readonly width: number | undefined },
): void {
  if (form !== 'json') sayRemarks('note', review.notes, say);
  const lines = {
    json: () => [jsonText({ ...review.found, notes: review.notes })],
    csv: () => csvLines(review),
    table: () => humanLines(review, width),
  };
  for (const line of lines[form]()) say.log(line);
}

/** What stands in one cell of CSV for several. */
export function listText(items: readonly string[]): string {
  return items.join('; ');
}

function csvLines({ titles, rows, given }: Review): string[] {
  const header = ['verdict', 'permits', 'conditional_permits', 'forbids', 'conditional_forbids', 'asks_for'];
  const names = [...given.map(([title]) => title), ...titles.map((title) => title.toLowerCase()), ...header];
  const ids = (policies: Access['forbids'], conditional: boolean) =>
    listText(policies.flatMap((policy) => (policy.conditional === conditional ? [policy.id] : [])));
  const records = rows.map(({ of, in: memberships, access }) => [
    ...given.map(([, value]) => value),
    of,
    listText(memberships),
    access.verdict,
    ids(access.permits, false),
    ids(access.permits, true),
    ids(access.forbids, false),
    ids(access.forbids, true),
    listText(askedBy(access)),
  ]);
  return [names, ...records].map(csvRecord);
}

const COLOURS = { yes: 'good', depends: 'doubtful', no: 'bad' } as const;

function humanLines({ heading, titles, rows, action, others }: Review, width: number | undefined): string[] {
  const [of, memberships] = titles;
  const columns: Column[] = [
    { title: of },
    { title: memberships },
    { title: 'VERDICT', paint: painted },
    { title: 'POLICIES' },
    { title: 'ASKS FOR' },
  ];
  const cells = rows.flatMap(({ of, in: memberships, access }) =>
    policiesOf(access).map(({ said, asks }, index): Cell[] => {
      const first = index === 0 ? [[of], [memberships.join(', ')], [access.verdict]] : [[], [], []];
      return [...first, [said], [asks.join('; ')]];
    }),
  );
  return [
    escapeUnfit(heading),
    '',
    ...tableLines(columns, cells, width),
    '',
    escapeUnfit(others),
    WHATEVER_POLICY_SAYS[action],
  ];
}

const WHATEVER_POLICY_SAYS: Readonly<Record<Action, string>> = {
  mintToken: 'Whatever policy says, the broker never mints for the LogicMonitor user of its own key.',
  revokeToken: 'Whatever policy says, a caller can revoke only what it minted itself.',
};

function painted(text: string): string {
  return text === 'yes' || text === 'depends' || text === 'no' ? coloured(text, COLOURS[text]) : text;
}

/** The policies that the verdict is owed to, at least one line, and what each asks for. */
function policiesOf({ verdict, permits, forbids }: Access): { said: string; asks: readonly string[] }[] {
  if (permits.length === 0) return [{ said: 'no permit fits', asks: [] }];
  const named = (effect: string, { id, conditional }: Access['forbids'][number]) =>
    `${effect} ${id}${conditional ? ' (conditions)' : ''}`;
  const against = forbids
    .filter(({ conditional }) => verdict !== 'no' || !conditional)
    .map((forbid) => ({ said: named('forbid', forbid), asks: [] }));
  if (verdict === 'no') return against;
  return [
    ...permits.map((permit) => ({ said: named('permit', permit), asks: asksFor(permit.obligations) })),
    ...against,
  ];
}

/** What permits ask for: those without conditions together, and each of the others by itself. */
function askedBy({ verdict, permits, obligations }: Access): string[] {
  const some = verdict === 'no' ? [] : permits.filter(({ conditional }) => conditional);
  return [
    ...asksFor(obligations),
    ...some.flatMap(({ id, obligations }) => asksFor(obligations).map((line) => `${line} (if ${id} holds)`)),
  ];
}
