import {
  checkParseSchema,
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { AdminId, PrincipalId } from '../mint/ids.ts';
import { NO_TTL } from '../mint/ports.ts';
import { cedarFaults } from './cedar-faults.ts';
import { membershipsOf } from './entities.ts';
import { type BundleFault, faultAt } from './faults.ts';
import { ACTIONS, type Action, cedarQuestion } from './question.ts';

const FILE = 'schema.cedarschema';
/** Under this name Cedar keeps what is checked; the next check takes its place. */
const CHECKED = 'checked';

/** Checks that the schema is one, and that every question the broker asks fits it, whatever claims a bundle declares. */
export function checkSchema(schema: string): BundleFault[] {
  const parsed = checkParseSchema(schema);
  if (parsed.type === 'failure') return cedarFaults(FILE, schema, 0, parsed.errors);
  // As decisions are made later: the schema is parsed once, and so is a set without policies.
  preparseSchema(CHECKED, schema);
  preparsePolicySet(CHECKED, { staticPolicies: {} });
  const misfits = new Map<string, BundleFault>();
  for (const action of ACTIONS) {
    const message = misfit(action, 'spiffe://example/one') ?? misfit(action, null);
    // What keeps one action from fitting mostly keeps the other; it is mended in one place.
    if (message === undefined || misfits.has(message)) continue;
    const declared = Math.max(0, schema.search(new RegExp(`\\baction\\b[^;{]*\\b${action}\\b`)));
    const reason = `the broker’s \`${action}\` does not fit the schema: ${message}`;
    misfits.set(message, faultAt(FILE, schema, declared, reason));
  }
  return [...misfits.values()];
}

/** Asks a question with one team and one group, with or without a certificate; what Cedar has against it, if anything. */
function misfit(action: Action, certificate: string | null): string | undefined {
  const memberships = membershipsOf({
    teams: ['team'],
    services: [{ issuer: 'alias', subject: 'subject', teams: ['team'] }],
    groups: ['group'],
    admins: [{ id: 1, groups: ['group'] }],
  });
  const principal = {
    id: '' as PrincipalId, // brand: an example, which never leaves this function
    issuer: 'https://issuer.example',
    alias: 'alias',
    subject: 'subject',
    authenticatedBy: 'jwt',
    claims: {},
    misfitClaims: [],
    certificate,
  } as const;
  const adminId = 1 as AdminId; // brand: an example, which never leaves this function
  const question = cedarQuestion(
    {
      action,
      principal,
      request: { adminId, note: '', status: 2, type: 'API token', reason: '' },
      ttlS: NO_TTL,
      wrap: false,
      keyed: false,
      sourceAddress: '192.0.2.1',
      now: 0,
    },
    memberships,
  );
  const answer = statefulIsAuthorized({
    ...question,
    preparsedPolicySetId: CHECKED,
    preparsedSchemaName: CHECKED,
    validateRequest: true,
  });
  return answer.type === 'failure' ? answer.errors[0]?.message : undefined;
}
