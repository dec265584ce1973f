import type { AuditState } from './audit/log.ts';
import type { Lifecycle } from './http/lifecycle.ts';
import type { GaugeSource } from './http/metrics.ts';
import type { PartState, Ready } from './http/schemas.ts';
import type { Credentials } from './mint/credential.ts';
import type { Endings } from './mint/end.ts';

/** What the states are read from. */
export interface ReadinessParts {
  readonly lifecycle: Lifecycle;
  readonly audit: { state(): AuditState };
  readonly vault: {
    state(): {
      readonly ok: boolean;
      readonly version: number | null;
      readonly ageMs: number | null;
      readonly fault: string | null;
      readonly everHad: boolean;
    };
  };
  readonly credentials: Credentials;
  readonly policy: {
    state(): {
      readonly digest: string | null;
      readonly loadedAt: number | null;
      readonly faults: readonly string[];
    };
    issuers(): readonly { readonly alias: string; readonly keys: number; readonly failure: string | null }[];
    candidate():
      | {
          readonly faults: readonly string[];
          readonly behindBytes: number;
          readonly counts: Readonly<Record<string, number>>;
        }
      | undefined;
  };
  readonly tls:
    | { state(): { readonly ok: boolean; readonly fault: string | null; readonly notAfter: string } }
    | undefined;
  readonly portal: {
    clockSkewMs(): number | undefined;
    rateWindows(): { readonly POST: { readonly remaining: number | undefined } };
  };
  readonly endings: Endings;
}

/** LM's clock may be this far from ours before it is worth a word: 5 min of the 30 that LM allows. */
const SKEW_WARN_MS = 5 * 60_000;

/**
 * How the broker is. It is not ready only while it starts or drains, while the audit log cannot be written, or before
 * any credential was ever had; whatever else is wrong may pass, and sending requests elsewhere would not help.
 */
export class Readiness {
  readonly #parts: ReadinessParts;

  constructor(parts: ReadinessParts) {
    this.#parts = parts;
  }

  /** For anybody: states without reasons. */
  summary(): Ready {
    const { lifecycle, audit, vault, endings } = this.#parts;
    const parts = this.#states();
    const common = { parts, openIntents: audit.state().openIntents, pendingEnds: endings.pending };
    if (lifecycle.ending) return { status: 'draining', ...common };
    if (lifecycle.phase === 'starting') return { status: 'starting', ...common };
    if (!vault.state().everHad || parts.audit === 'failed') return { status: 'unready', ...common };
    const allOk = Object.values(parts).every((state) => state === 'ok');
    return { status: allOk ? 'ready' : 'degraded', ...common };
  }

  /** For operators: with the reasons. */
  details(): Ready & { readonly details: Readonly<Record<string, unknown>> } {
    const { audit, vault, credentials, policy, tls, portal, lifecycle } = this.#parts;
    const { loadedAt, ...bundle } = policy.state();
    return {
      ...this.summary(),
      details: {
        audit: audit.state(),
        vault: vault.state(),
        credential: credentials.state(),
        policy: { ...bundle, loadedAt: loadedAt && new Date(loadedAt).toISOString() },
        identity: policy.issuers(),
        tls: tls?.state() ?? null,
        logicmonitor: { clockSkewMs: portal.clockSkewMs() ?? null },
        inFlight: lifecycle.inFlight,
      },
    };
  }

  /** The same as numbers, for Prometheus. */
  gauges(): readonly GaugeSource[] {
    const { audit, vault, credentials, policy, tls, portal, endings, lifecycle } = this.#parts;
    const gauge = (name: string, help: string, read: () => number): GaugeSource => ({
      name: `lmtb_${name}`,
      help,
      read,
    });
    return [
      gauge('ready', '1 while requests should be sent here.', () =>
        /^(?:ready|degraded)$/.test(this.summary().status) ? 1 : 0,
      ),
      gauge('in_flight_requests', 'Mint requests that are being worked on.', () => lifecycle.inFlight),
      gauge(
        'policy_up_to_date',
        '1 while the bundle in force is what its files say; 0 while they have a fault and are not taken.',
        () => Number(policy.state().faults.length === 0),
      ),
      gauge(
        'policy_loaded_timestamp_seconds',
        'When the bundle in force was taken, epoch seconds.',
        () => (policy.state().loadedAt ?? 0) / 1_000,
      ),
      ...this.#candidateGauges(),
      ...(tls === undefined
        ? []
        : [
            gauge('tls_up_to_date', '1 while the TLS files can be used as they are.', () =>
              Number(tls.state().ok),
            ),
            gauge(
              'tls_not_after_seconds',
              'When the server certificate ends, epoch seconds.',
              () => Date.parse(tls.state().notAfter) / 1_000,
            ),
          ]),
      gauge('audit_writable', '1 while an intent would be recorded.', () => Number(audit.state().ok)),
      gauge('audit_queued_records', 'Audit records that wait to be written.', () => audit.state().queued),
      gauge('audit_size_bytes', 'Size of the audit log that is on disk.', () => audit.state().size),
      gauge(
        'open_intents',
        'Attempts without a known outcome, those under way included.',
        () => audit.state().openIntents,
      ),
      gauge('pending_ends', 'Undelivered tokens that still have to be ended.', () => endings.pending),
      gauge('vault_ok', '1 when the last read of the key pair was good.', () => Number(vault.state().ok)),
      gauge(
        'credential_age_seconds',
        'Time since the key pair was last read well; -1 when it never was.',
        () => (vault.state().ageMs ?? -1_000) / 1_000,
      ),
      gauge(
        'credential_version',
        'KV version of the key pair in use; -1 when there is none.',
        () => credentials.state().version ?? -1,
      ),
      gauge('credential_latched', '1 while LogicMonitor does not accept the key pair in use.', () =>
        Number(credentials.state().latched),
      ),
      gauge(
        'upstream_posts_remaining',
        'POSTs that LogicMonitor would still take in this window; -1 before it told.',
        () => portal.rateWindows().POST.remaining ?? -1,
      ),
      gauge(
        'upstream_clock_skew_seconds',
        'LogicMonitor’s clock minus ours.',
        () => (portal.clockSkewMs() ?? 0) / 1_000,
      ),
    ];
  }

  #candidateGauges(): GaugeSource[] {
    const { policy } = this.#parts;
    if (policy.candidate() === undefined) return [];
    return [
      {
        name: 'lmtb_policy_candidate_decisions',
        help: 'Recorded decisions since the candidate was loaded, by how its own would differ.',
        label: 'change',
        read: () => policy.candidate()?.counts ?? {},
      },
      {
        name: 'lmtb_policy_candidate_up_to_date',
        help: '1 while the candidate is what its files say; 0 while they have a fault.',
        read: () => Number(policy.candidate()?.faults.length === 0),
      },
      {
        name: 'lmtb_policy_candidate_behind_bytes',
        help: 'How much of the audit log the candidate was not tried on yet.',
        read: () => policy.candidate()?.behindBytes ?? 0,
      },
    ];
  }

  #states(): Ready['parts'] {
    const { audit, vault, credentials, policy, tls, portal } = this.#parts;
    const { everHad, ok } = vault.state();
    const { ownAdminKnown, latched, newPairFails } = credentials.state();
    const skewed = Math.abs(portal.clockSkewMs() ?? 0) > SKEW_WARN_MS;
    return {
      policy: partState(policy.state().faults.length === 0, true),
      identity: partState(
        policy.issuers().every(({ keys, failure }) => keys > 0 && failure === null),
        true,
      ),
      ...(tls && { tls: partState(tls.state().ok, true) }),
      audit: audit.state().ok ? 'ok' : 'failed',
      credential: partState(ok, everHad),
      logicmonitor: partState(ownAdminKnown && !latched && !skewed && !newPairFails, !latched),
    };
  }
}

function partState(ok: boolean, usable: boolean): PartState {
  return ok ? 'ok' : usable ? 'degraded' : 'failed';
}
