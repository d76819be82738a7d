// Pure: no I/O, no clock, no randomness.

import type { Hold } from './hold.ts';

export type Severity = 'warning' | 'critical';

interface Rule {
  readonly severity: Severity;
  /** When it fires, for people. */
  readonly meaning: string;
}

export type AlertRule = keyof typeof alertRules;

/** Everything that is told of without being asked. The names are stable: people query them. */
export const alertRules = {
  failure_rate: critical('Too large a share of all attempts fails.'),
  endpoint_failure_rate: warning(
    'Too large a share of the attempts at a registered endpoint fails.',
  ),
  backlog: warning('Too much is due and waits.'),
  backlog_age: critical('Something has been due for too long.'),
  breaker_open: warning('An endpoint has failed for long, and webhooks wait for it.'),
  endpoint_failing: warning(
    'A registered endpoint has had no success for so long that it will be disabled, or was disabled.',
  ),
  held: critical(
    'The database is held: it is a copy, belongs to another environment, or somebody holds it. Nothing is sent.',
  ),
  no_worker: critical('No worker is alive: nothing is delivered.'),
  claims_failing: critical('A worker can take nothing out of the queue: what it would send waits.'),
  egress_down: critical('Most endpoints cannot be reached from a worker: the trouble is ours.'),
  pinned_xmin: warning(
    'Something keeps vacuum from removing dead rows, which slows the queue down.',
  ),
  encryption_key_missing: critical(
    'A key that secrets of endpoints are sealed with is missing or wrong: what goes to them is held.',
  ),
  partition_missing: critical('A partition of today or tomorrow is missing.'),
} as const satisfies Readonly<Record<string, Rule>>;

/** From when on a rule fires. */
export interface AlertThresholds {
  /** The period of the failure rates. */
  readonly windowMs: number;
  /** With fewer attempts in the period a rate says nothing. */
  readonly minAttempts: number;
  readonly failurePercent: number;
  readonly endpointFailurePercent: number;
  readonly backlog: number;
  readonly backlogAgeMs: number;
  readonly breakerOpenMs: number;
  /** Each of them is told of, shortest first. */
  readonly endpointFailingMs: readonly number[];
  /** When an endpoint is disabled. */
  readonly disableAfterMs: number;
  readonly noWorkerMs: number;
  readonly xminMs: number;
  /** How long nothing must be wrong any more before an alert is resolved. */
  readonly resolveAfterMs: number;
  readonly muted: readonly AlertRule[];
}

/** What was tried in the period. */
export interface FailureCounts {
  readonly attempts: number;
  readonly failures: number;
  /** Whether something waits to be tried again, now or when a breaker, a pause or a hold is over. */
  readonly isWaiting: boolean;
}

/** What is looked at. */
export interface AlertFacts {
  /** Why nothing is sent from this database. */
  readonly hold: Hold | null;
  readonly total: FailureCounts;
  readonly endpoints: readonly (FailureCounts & { readonly id: string; readonly url: string })[];
  readonly backlog: {
    readonly due: number;
    readonly oldestMs: number | null;
    /** What is due as well, in lanes that are throttled or delayed. Counted only while an alert of a backlog is on. */
    readonly throttled: { readonly due: number; readonly oldestMs: number | null };
  };
  readonly breakers: readonly {
    readonly lane: string;
    readonly url: string;
    readonly failingMs: number;
    readonly failures: number;
    readonly lastError: string | null;
  }[];
  readonly failing: readonly {
    readonly id: string;
    readonly url: string;
    readonly failingMs: number | null;
    readonly lastError: string | null;
    /** Set once it is disabled. */
    readonly disabledAs: 'failing' | 'gone' | null;
  }[];
  readonly workers: {
    readonly alive: number;
    readonly withoutEgress: number;
    /** Those whose claims fail: the one for which that has been so for longest. */
    readonly notClaiming: {
      readonly workers: number;
      readonly failingMs: number;
      readonly error: string;
    } | null;
  };
  readonly horizon: { readonly pinnedMs: number; readonly holder: string } | null;
  readonly missingPartitions: readonly string[];
  /** Ids of encryption keys. */
  readonly missingKeys: readonly string[];
}

/** Something that a rule has found. */
export interface Finding {
  readonly rule: AlertRule;
  /** What it is about; empty when it is about everything. */
  readonly subject: string;
  readonly severity: Severity;
  /** False: not bad enough to fire, nor good enough to be over. Between the two an alert stays as it is. */
  readonly fires: boolean;
  /** It must have been found for so long before it fires. */
  readonly afterMs: number;
  /** Told of again whenever this is greater than before. */
  readonly step: number;
  /** For people, without query strings. */
  readonly summary: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

function warning(meaning: string): Rule {
  return { severity: 'warning', meaning };
}

function critical(meaning: string): Rule {
  return { severity: 'critical', meaning };
}
