import { Follow } from './audit/follow.ts';
import type { AuditFile } from './audit/log.ts';
import { type FirstBundle, loadApart } from './compose-bundle.ts';
import type { Config } from './config.ts';
import { createIdentity, type Identity } from './identity/identity.ts';
import type { Issuer } from './identity/issuers.ts';
import type { Clock } from './mint/clock.ts';
import type { PolicyInForce } from './mint/mint.ts';
import type { Events, PeerCertificate } from './mint/ports.ts';
import { CandidateReport } from './policy/candidate.ts';
import { createDecide } from './policy/decide.ts';
import { printFault } from './policy/faults.ts';
import { fingerprint } from './policy/fingerprint.ts';
import type { Bundle } from './policy/load.ts';
import { Reload } from './policy/reload.ts';
import { randomBytes } from './random.ts';

interface PolicyParts {
  readonly clock: Clock;
  readonly events: Events;
  readonly audit: AuditFile;
  readonly auditPath: string;
  readonly certificates: { nameOf(peer: PeerCertificate): string } | undefined;
  readonly settings: Pick<
    Config,
    | 'POLICY_DIR'
    | 'POLICY_CANDIDATE'
    | 'RELOAD_EVERY'
    | 'ISSUER_TIMEOUT'
    | 'JWKS_REFRESH'
    | 'JWKS_MAX_STALE'
    | 'JWKS_COOLDOWN'
    | 'JWT_CACHE'
    | 'REQUEST_TIMEOUT'
  >;
}

/** What one bundle puts to work. */
interface AtWork {
  readonly inForce: PolicyInForce;
  readonly identity: Identity;
  retire(): void;
}

/**
 * The policy in force: who is identified and what is decided come from one bundle, which another replaces in one step.
 * Beside it, when there is one, a candidate that is only asked what it would have said.
 */
export class Policy {
  readonly #parts: PolicyParts;
  readonly #reload: Reload<Bundle<Issuer>>;
  readonly #tried:
    | { readonly reload: Reload<Bundle>; readonly report: CandidateReport; readonly follow: Follow }
    | undefined;
  #atWork: AtWork;

  constructor(first: FirstBundle, parts: PolicyParts) {
    this.#parts = parts;
    const { clock, events, audit, settings } = parts;
    this.#atWork = this.#putToWork(first.bundle);
    const folder = settings.POLICY_DIR;
    const common = { clock, events, everyMs: settings.RELOAD_EVERY };
    this.#reload = new Reload(
      {
        ...common,
        what: 'the policy bundle',
        fingerprint: (named) => fingerprint(folder, named),
        load: () => loadApart(folder, { enforceable: true }),
        use: (bundle) => this.#use(bundle),
        refused: ({ faults }) =>
          audit.soon({
            kind: 'system',
            event: 'bundle-refused',
            detail: { faults: faults.length, first: faults[0] === undefined ? null : printFault(faults[0]) },
          }),
      },
      first,
    );
    const candidate = settings.POLICY_CANDIDATE;
    if (candidate === undefined) return;
    const report = new CandidateReport();
    const reload = new Reload<Bundle>({
      ...common,
      what: 'the candidate bundle',
      fingerprint: (named) => fingerprint(candidate, named),
      load: () => loadApart(candidate, { enforceable: false }),
      use: (bundle) => report.use({ bundle, ...createDecide(bundle, { randomBytes }) }),
      refused: () => {},
    });
    void reload.reloadNow();
    const follow = new Follow({
      clock,
      events,
      path: parts.auditPath,
      size: () => audit.state().size,
      visit: (record) => report.consider(record),
    });
    this.#tried = { reload, report, follow };
  }

  /** What identifies callers and decides, now. */
  get inForce(): PolicyInForce {
    return this.#atWork.inForce;
  }

  /** SIGHUP: loads bundle and candidate anew. */
  async reloadNow(): Promise<void> {
    await Promise.all([this.#reload.reloadNow(), this.#tried?.reload.reloadNow()]);
  }

  warm(): Promise<void> {
    return this.#atWork.identity.warm();
  }

  issuers(): ReturnType<Identity['state']> {
    return this.#atWork.identity.state();
  }

  state(): ReturnType<Reload<Bundle>['state']> {
    return this.#reload.state();
  }

  /** How the candidate would have decided since it was loaded; undefined when there is none. */
  candidate() {
    if (this.#tried === undefined) return undefined;
    const { reload, report, follow } = this.#tried;
    const { loadedAt, ...state } = reload.state();
    return {
      ...state,
      loadedAt: loadedAt === null ? null : new Date(loadedAt).toISOString(),
      behindBytes: follow.behind,
      counts: report.counts(),
      changed: report.recent(),
    };
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#reload.stop(),
      this.#tried?.reload.stop(),
      this.#tried?.follow.stop(),
      this.#atWork.identity.close(),
    ]);
  }

  #putToWork(bundle: Bundle<Issuer>, before?: AtWork): AtWork {
    const { clock, events, audit, certificates, settings } = this.#parts;
    const identity = createIdentity(bundle.issuers, {
      clock,
      events,
      ...(certificates && { certificates }),
      ...(before && { inherit: before.identity }),
      settings: {
        fetchTimeoutMs: settings.ISSUER_TIMEOUT,
        refreshMs: settings.JWKS_REFRESH,
        staleMs: settings.JWKS_MAX_STALE,
        cooldownMs: settings.JWKS_COOLDOWN,
        verifiedForMs: settings.JWT_CACHE,
      },
    });
    const { decide, retire } = createDecide(bundle, { randomBytes });
    audit.soon({
      kind: 'system',
      event: 'bundle-loaded',
      detail: { digest: bundle.digest, policies: bundle.policies.length },
    });
    return { inForce: { authenticate: identity.authenticate, decide }, identity, retire };
  }

  #use(bundle: Bundle<Issuer>): void {
    const before = this.#atWork;
    this.#atWork = this.#putToWork(bundle, before);
    void this.#atWork.identity.warm();
    // Requests that began with the bundle before are decided by it.
    this.#parts.clock.after(this.#parts.settings.REQUEST_TIMEOUT, () => {
      before.retire();
      void before.identity.close();
    });
  }
}
