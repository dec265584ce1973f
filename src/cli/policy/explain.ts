import { randomBytes } from 'node:crypto';
import { explain as explainTrial, loadPolicy, trialSchema, unavailable } from '../../compose-commands.ts';
import { systemClock } from '../../mint/clock.ts';
import { escapeUnfit } from '../../mint/text.ts';
import type { Explanation } from '../../policy/explain.ts';
import type { DeclaredIssuer } from '../../policy/load.ts';
import { numberOf, onlyWord, readWords, type Say, UsageFault } from '../arguments.ts';
import { coloured } from '../colours.ts';
import { asksFor } from './asks-for.ts';
import { jsonText, orFaults, sayRemarks } from './open.ts';
import type { Command } from './policy.ts';

const FLAGS = {
  as: { type: 'string' },
  admin: { type: 'string' },
  note: { type: 'string' },
  status: { type: 'string' },
  type: { type: 'string' },
  reason: { type: 'string' },
  ttl: { type: 'string' },
  'wrap-ttl': { type: 'string' },
  'idempotency-key': { type: 'boolean' },
  claim: { type: 'string', multiple: true },
  certificate: { type: 'string' },
  from: { type: 'string' },
  at: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** Members of a request that are written by flags of other names. */
const FLAG_OF: Readonly<Record<string, string>> = {
  wrapTtl: 'wrap-ttl',
  idempotencyKey: 'idempotency-key',
  claims: 'claim',
  sourceAddress: 'from',
  time: 'at',
};

/** `policy explain DIR --as ALIAS:SUBJECT --admin ID …`: what becomes of a request, and why. */
export const explain: Command = {
  usage: 'explain DIR --as ALIAS:SUBJECT --admin ID [what is asked] [--json]',
  summary: 'decides one request, and tells what each policy makes of it',
  help: `  --as ALIAS:SUBJECT  who asks: an alias of issuers.yaml, or mtls, and the subject
  --admin ID          the LogicMonitor user that the token is for
  --note TEXT         [none]
  --status 1|2        [2]
  --type TYPE         "API token" or bearer [API token]
  --reason TEXT       [none]
  --ttl TIME          seconds, or as in 45m [no end is asked for]
  --wrap-ttl TIME     likewise, for the wrapping token [not wrapped]
  --idempotency-key   the request brings one
  --claim NAME=VALUE  a claim by its name in Cedar, as JSON or plain text; may be repeated
  --certificate NAME  SPIFFE ID or subject of the connection's client certificate [none]
  --from ADDRESS      the caller's network address [127.0.0.1]
  --at TIME           UTC, as in 2026-01-05T10:00:00Z [now]
  --json              as JSON

The exit code is 0 whether the request is allowed or not.`,
  run,
};

async function run(words: readonly string[], say: Say): Promise<number> {
  const { values, positionals } = readWords(words, FLAGS);
  const folder = onlyWord(positionals, 'DIR');
  for (const name of ['as', 'admin'] as const) {
    if (values[name] === undefined) throw new UsageFault(`--${name} is missing`);
  }
  const bundle = await orFaults(() => loadPolicy(folder), say);
  if (bundle === undefined) return 1;
  const { from, at, json, admin, status, ttl, claim, 'wrap-ttl': wrapTtl, ...rest } = values;
  const { 'idempotency-key': idempotencyKey, ...same } = rest;
  const asked = {
    ...same,
    admin: numberOf(admin),
    status: numberOf(status),
    ttl: numberOf(ttl),
    wrapTtl: numberOf(wrapTtl),
    idempotencyKey,
    claims: claimsOf(claim, declaredFor(values.as, bundle.issuers)),
    sourceAddress: from,
    time: at,
  };
  const trial = trialSchema(bundle.issuers).safeParse(asked);
  if (!trial.success) {
    const faults = trial.error.issues.map(({ path: [member = '', ...inside], message }) =>
      [`--${FLAG_OF[String(member)] ?? String(member)}`, ...inside.map(String), message].join(' '),
    );
    throw new UsageFault(faults.join('; '));
  }
  const explanation = explainTrial(bundle, trial.data, {
    randomBytes,
    now: trial.data.time ?? systemClock.now(),
  });
  const notes = unavailable(bundle);
  if (json) {
    say.log(jsonText({ ...explanation, notes }));
    return 0;
  }
  sayRemarks('note', notes, say);
  sayDecision(explanation, say);
  say.log('');
  for (const line of findingLines(explanation)) say.log(escapeUnfit(line));
  return 0;
}

/** The claims that policy may read of the issuer that `--as` names. */
function declaredFor(as = '', issuers: readonly DeclaredIssuer[]): DeclaredIssuer['claims'] {
  const alias = as.split(':', 1)[0];
  return issuers.find((issuer) => issuer.alias === alias)?.claims ?? {};
}

/** `NAME=VALUE`, each once. What is not JSON is text; so is what looks like another type, where a String is declared. */
function claimsOf(words: readonly string[] = [], declared: DeclaredIssuer['claims']) {
  const claims = new Map<string, unknown>();
  for (const word of words) {
    const [, name = '', text = ''] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === '') throw new UsageFault('--claim must be NAME=VALUE');
    if (claims.has(name)) throw new UsageFault(`--claim ${name} stands twice`);
    const value = jsonOrText(text);
    const isText = Object.hasOwn(declared, name) && declared[name]?.type === 'String';
    claims.set(name, isText && typeof value !== 'string' ? text : value);
  }
  return Object.fromEntries(claims);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sayDecision({ decision, ttlS }: Explanation, say: Say): void {
  const by = decision.policies.length > 0 ? ` by ${decision.policies.join(', ')}` : '';
  const verdict = decision.allow ? coloured('allowed', 'good') : coloured('refused', 'bad');
  say.log(`${verdict}${escapeUnfit(decision.allow ? by : `, ${decision.reason}${by}`)}`);
  for (const error of decision.reason === 'claim-type' ? decision.errors : [])
    say.log(escapeUnfit(`  ${error}`));
  for (const line of asksFor(decision.obligations)) say.log(escapeUnfit(`  ${line}`));
  if (decision.allow && decision.obligations !== null)
    say.log(ttlS === null ? '  the token would have no end' : `  the token would live for ${ttlS} s`);
}

function findingLines({ findings }: Explanation): string[] {
  return findings.map(({ id, file, effect, outcome, misfits, error, decides }) => {
    const said = {
      matches: decides ? 'matches, and decides' : 'matches, and is overruled',
      scope: `does not match: its scope is of another ${misfits.join(' and ')}`,
      condition: 'does not match: its condition does not hold',
      fails: `could not be evaluated, so nothing is allowed: ${error}`,
    }[outcome];
    return `${effect.padEnd(6)} ${id} (${file}) ${said}`;
  });
}
