import { whatCan as adminsOf, loadPolicy, trialSchema, unavailable } from '../../compose-commands.ts';
import { onlyWord, readWords, type Say, UsageFault } from '../arguments.ts';
import { ACCESS_FLAGS, ACCESS_HELP, actionOf, formOf, listText, sayReview } from './access.ts';
import { orFaults } from './open.ts';
import type { Command } from './policy.ts';

const OTHERS = 'any other admin';

/** `policy what-can DIR --as ALIAS:SUBJECT`: for whom a caller can mint tokens. */
export const whatCan: Command = {
  usage: 'what-can DIR --as ALIAS:SUBJECT [--action ACTION] [--json | --csv]',
  summary: 'reviews access: for which LogicMonitor users a caller can mint tokens',
  help: `  --as ALIAS:SUBJECT  the caller: an alias of issuers.yaml, or mtls, and its
                      subject; one that entities.yaml does not name is in no
                      team
${ACCESS_HELP}

There is a row for each admin that entities.yaml names, and one for all admins
that it does not name.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, { as: { type: 'string' }, ...ACCESS_FLAGS });
  const folder = onlyWord(positionals, 'DIR');
  if (values.as === undefined) throw new UsageFault('--as is missing');
  const action = actionOf(values.action);
  const form = formOf(values);
  const bundle = await orFaults(() => loadPolicy(folder), say);
  if (bundle === undefined) return 1;
  const as = trialSchema(bundle.issuers).shape.as.safeParse(values.as);
  if (!as.success) throw new UsageFault(`--as ${as.error.issues[0]?.message}`);
  const { entry, subject } = as.data;

  const found = adminsOf(bundle, action, { alias: entry.alias, subject });
  const inWhat = found.teams.join(', ') || 'no team';
  const review = {
    found,
    action,
    heading: `For whom ${found.caller}, in ${inWhat}, can ${action}:`,
    titles: ['ADMIN', 'GROUPS'],
    rows: found.admins.map(({ admin, groups, ...access }) => ({
      of: admin === null ? OTHERS : String(admin),
      in: groups,
      access,
    })),
    given: [
      ['action', action],
      ['caller', found.caller],
      ['teams', listText(found.teams)],
    ],
    others: `As ${OTHERS} counts whoever LogicMonitor has and entities.yaml does not name.`,
    notes: unavailable(bundle),
  } as const;
  sayReview(review, form, { say, width: process.stdout.columns });
  return 0;
}
