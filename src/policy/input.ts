import { NO_TTL, type Question } from '../mint/ports.ts';
import type { DecisionInput } from '../mint/records.ts';
import { type Memberships, serviceId } from './entities.ts';
import { isoTime } from './iso-time.ts';

/** What of a question the audit record does not have elsewhere, and what the bundle adds to it. */
export function inputOf(question: Question, { teamsOf, groupsOf }: Memberships): DecisionInput {
  const { action, principal, request, ttlS, wrap, keyed, now } = question;
  const { claims, misfitClaims, certificate } = principal;
  return {
    action,
    time: isoTime(now),
    ttlS: ttlS === NO_TTL ? null : ttlS,
    wrap,
    keyed,
    claims,
    misfitClaims,
    certificate,
    teams: teamsOf.get(serviceId(principal.alias, principal.subject))?.map(({ id }) => id) ?? [],
    groups: groupsOf.get(request.adminId)?.map(({ id }) => id) ?? [],
  };
}
