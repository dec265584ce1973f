import { whoCan as callersOf, loadPolicy, trialSchema, unavailable } from '../../compose-commands.ts';
import { numberOf, onlyWord, readWords, type Say, UsageFault } from '../arguments.ts';
import { ACCESS_FLAGS, ACCESS_HELP, actionOf, formOf, listText, sayReview } from './access.ts';
import { orFaults } from './open.ts';
import type { Command } from './policy.ts';

const OTHERS = 'any other caller';

/** `policy who-can DIR --admin ID`: who can mint tokens for an admin. */
export const whoCan: Command = {
  usage: 'who-can DIR --admin ID [--action ACTION] [--json | --csv]',
  summary: 'reviews access: who can mint tokens for a LogicMonitor user',
  help: `  --admin ID          the LogicMonitor user; one that entities.yaml does not
                      name is in no group
${ACCESS_HELP}

There is a row for each service that entities.yaml names, and one for all
callers that it does not name.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, { admin: { type: 'string' }, ...ACCESS_FLAGS });
  const folder = onlyWord(positionals, 'DIR');
  if (values.admin === undefined) throw new UsageFault('--admin is missing');
  const action = actionOf(values.action);
  const form = formOf(values);
  const bundle = await orFaults(() => loadPolicy(folder), say);
  if (bundle === undefined) return 1;
  const admin = trialSchema(bundle.issuers).shape.admin.safeParse(numberOf(values.admin));
  if (!admin.success) throw new UsageFault(`--admin ${admin.error.issues[0]?.message}`);

  const found = callersOf(bundle, action, admin.data);
  const inWhat = found.groups.join(', ') || 'no group';
  const review = {
    found,
    action,
    heading: `Who can ${action} for admin ${found.admin}, in ${inWhat}:`,
    titles: ['CALLER', 'TEAMS'],
    rows: found.callers.map(({ caller, teams, ...access }) => ({ of: caller ?? OTHERS, in: teams, access })),
    given: [
      ['action', action],
      ['admin', String(found.admin)],
      ['groups', listText(found.groups)],
    ],
    others: `As ${OTHERS} counts whoever an issuer (${bundle.issuers.map(({ alias }) => alias).join(', ')}) or a client certificate identifies.`,
    notes: unavailable(bundle),
  } as const;
  sayReview(review, form, { say, width: process.stdout.columns });
  return 0;
}
