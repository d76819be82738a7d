// Pure: no I/O, no clock, no randomness.

import type { Hold } from './hold.ts';

export type Severity = 'warning' | 'critical';

interface Rule {
  readonly severity: Severity;
  /** When the rule fires, in words for people. */
  readonly meaning: string;
}

export type AlertRule = keyof typeof alertRules;

/** All alert rules. The names are stable, because people query them. */
export const alertRules = {
  failure_rate: critical('Too large a share of all attempts fails.'),
  endpoint_failure_rate: warning(
    'Too large a share of the attempts at a registered endpoint fails.',
  ),
  backlog: warning('Too many webhooks are due and wait to be sent.'),
  backlog_age: critical('A webhook has been due for too long.'),
  breaker_open: warning(
    'An endpoint has failed for a long time, or nothing at a host has answered, and webhooks wait for it.',
  ),
  endpoint_failing: warning(
    'A registered endpoint has had no success for so long that it will be disabled, or was disabled.',
  ),
  tenant_full: warning('A tenant has as many webhooks waiting as it may have.'),
  held: critical(
    'The database is held: it is a copy, belongs to another environment, or an operator holds it. Nothing is sent.',
  ),
  no_worker: critical('No worker is alive: nothing is delivered.'),
  claims_failing: critical('A worker cannot claim webhooks, so they wait.'),
  egress_down: critical('A worker cannot reach most endpoints: the fault is on our side.'),
  pinned_xmin: warning(
    'Something keeps vacuum from removing dead rows, which slows the queue down.',
  ),
  encryption_key_missing: critical(
    'An encryption key that sealed the secrets of endpoints is missing or wrong: webhooks to them are held.',
  ),
  partition_missing: critical("Today's or tomorrow's partition is missing."),
} as const satisfies Readonly<Record<string, Rule>>;

/** The thresholds at which the rules fire. */
export interface AlertThresholds {
  /** The period of the failure rates. */
  readonly windowMs: number;
  /** With fewer attempts in the period, a rate means nothing. */
  readonly minAttempts: number;
  readonly failurePercent: number;
  readonly endpointFailurePercent: number;
  readonly backlog: number;
  readonly backlogAgeMs: number;
  readonly breakerOpenMs: number;
  /** Each of these is announced, shortest first. */
  readonly endpointFailingMs: readonly number[];
  /** When an endpoint is disabled. */
  readonly disableAfterMs: number;
  readonly noWorkerMs: number;
  readonly xminMs: number;
  /** How long an alert must stay clear before it is resolved. */
  readonly resolveAfterMs: number;
  readonly muted: readonly AlertRule[];
}

/** The attempts of the period. */
export interface FailureCounts {
  readonly attempts: number;
  readonly failures: number;
  /** Whether webhooks wait to be tried again, now or after a breaker, a throttling or a hold. */
  readonly isWaiting: boolean;
}

/** The facts that the rules look at. */
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
    /** Of a lane or of an origin. */
    readonly key: string;
    readonly isOrigin: boolean;
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
  readonly fullTenants: readonly {
    readonly id: string;
    readonly fullMs: number;
    readonly maxWaiting: number;
    /** Whether its producers are refused. */
    readonly refuses: boolean;
  }[];
  readonly workers: {
    readonly alive: number;
    readonly withoutEgress: number;
    /** Workers whose claims fail; the time and error are those of the one that has failed longest. */
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
  /** The lane, origin, endpoint or tenant that it concerns; empty: all of them. */
  readonly subject: string;
  readonly severity: Severity;
  /** False: not bad enough to fire, but not good enough to resolve. An alert then stays as it is. */
  readonly fires: boolean;
  /** How long it must have been found before it fires. */
  readonly afterMs: number;
  /** It is announced again each time this number grows. */
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
