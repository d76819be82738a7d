// Pure: no I/O, no clock, no randomness.

import {
  type AlertFacts,
  type AlertRule,
  type AlertThresholds,
  alertRules,
  type FailureCounts,
  type Finding,
} from './alert-rules.ts';
import { formatDuration } from './duration.ts';

/** Evaluations are about a minute apart, so a finding that is this old was found in two of them in a row. */
const twiceMs = 45_000;
const slackMs = 15_000;

/** Applies all rules. A rule without a finding in the result has nothing to report. */
export function alertFindings(facts: AlertFacts, thresholds: AlertThresholds): Finding[] {
  const findings = [
    ...failureRates(facts, thresholds),
    // Held webhooks are not late.
    ...(facts.hold === null ? backlogs(facts, thresholds) : []),
    ...facts.breakers.map(breakerOpen),
    ...facts.failing.map((endpoint) => endpointFailing(endpoint, thresholds)),
    ...facts.fullTenants.map(tenantFull),
    ...ourOwn(facts, thresholds),
  ];
  return findings.filter(({ rule }) => !thresholds.muted.includes(rule));
}

function failureRates(facts: AlertFacts, thresholds: AlertThresholds): Finding[] {
  const { windowMs, minAttempts, failurePercent, endpointFailurePercent } = thresholds;
  const rate = (
    rule: AlertRule,
    { attempts, failures, isWaiting }: FailureCounts,
    {
      percent,
      who,
      subject,
      detail,
    }: { percent: number; who: string; subject: string; detail: object },
  ): Finding[] => {
    const failed = attempts === 0 ? 0 : (100 * failures) / attempts;
    // The alert ends below 80 % of the threshold, so that a rate around the threshold does not come and go. No attempts
    // are no recovery either: when a breaker opens, its webhooks wait and almost nothing is tried.
    if (attempts === 0 ? !isWaiting : failed < 0.8 * percent) return [];
    return [
      finding(rule, {
        subject,
        fires: attempts >= minAttempts && failed >= percent,
        summary:
          attempts === 0
            ? `Nothing was tried${who} within ${formatDuration(windowMs)}, and webhooks wait; most of the attempts before that failed.`
            : `${Math.round(failed)} % of ${attempts} attempts${who} failed within ${formatDuration(windowMs)}.`,
        detail: { attempts, failures, percent, ...detail },
      }),
    ];
  };
  return [
    ...rate('failure_rate', facts.total, {
      percent: failurePercent,
      who: '',
      subject: '',
      detail: {},
    }),
    ...facts.endpoints.flatMap(({ id, url, ...counts }) =>
      rate('endpoint_failure_rate', counts, {
        percent: endpointFailurePercent,
        who: ` at ${url}`,
        subject: id,
        detail: { url },
      }),
    ),
  ];
}

function backlogs(
  { backlog: { due, oldestMs, throttled } }: AlertFacts,
  { backlog, backlogAgeMs }: AlertThresholds,
): Finding[] {
  const findings: Finding[] = [];
  // What is throttled does not make an alert fire, and until it is gone the backlog is not over.
  if (due + throttled.due >= 0.8 * backlog) {
    findings.push(
      finding('backlog', {
        fires: due >= backlog,
        // A burst that is sent before the next evaluation is no backlog.
        afterMs: twiceMs,
        summary: `${due} webhooks are due and wait to be sent.`,
        detail: { due, threshold: backlog },
      }),
    );
  }
  const ageMs = Math.max(oldestMs ?? 0, throttled.oldestMs ?? 0);
  if (ageMs >= backlogAgeMs / 2) {
    findings.push(
      finding('backlog_age', {
        fires: oldestMs !== null && oldestMs >= backlogAgeMs,
        summary: `The oldest webhook that waits to be sent has been due for ${spoken(ageMs)}.`,
        detail: { oldest_s: seconds(ageMs), threshold_s: seconds(backlogAgeMs) },
      }),
    );
  }
  return findings;
}

function breakerOpen({
  key,
  isOrigin,
  url,
  failingMs,
  failures,
  lastError,
}: AlertFacts['breakers'][number]): Finding {
  const how = `for ${spoken(failingMs)}, ${failures} times in a row${last(lastError)}`;
  return finding('breaker_open', {
    subject: key,
    summary: isOrigin
      ? `Nothing at ${url} has answered ${how}: the webhooks of all its endpoints wait, and a probe is sent now and then.`
      : `${url} has failed ${how}: its webhooks wait, and a probe is sent now and then.`,
    detail: { url, failures, last_error: lastError, failing_s: seconds(failingMs) },
  });
}

function endpointFailing(
  { id, url, failingMs, lastError, disabledAs }: AlertFacts['failing'][number],
  { endpointFailingMs, disableAfterMs }: AlertThresholds,
): Finding {
  if (disabledAs !== null || failingMs === null) {
    const why =
      disabledAs === 'gone' ? 'it answered 410 Gone twice' : 'it had no success for so long';
    return finding('endpoint_failing', {
      subject: id,
      severity: 'critical',
      step: endpointFailingMs.length + 1,
      summary: `${url} was disabled because ${why}: its webhooks are held until it is enabled.`,
      detail: { url, disabled_as: disabledAs },
    });
  }
  return finding('endpoint_failing', {
    subject: id,
    step: endpointFailingMs.filter((ms) => failingMs >= ms).length,
    summary: `${url} has had no success for ${spoken(failingMs)}${last(lastError)}: it is disabled after ${formatDuration(disableAfterMs)}.`,
    detail: {
      url,
      last_error: lastError,
      failing_s: seconds(failingMs),
      disabled_after_s: seconds(disableAfterMs),
    },
  });
}

function tenantFull({
  id,
  fullMs,
  maxWaiting,
  refuses,
}: AlertFacts['fullTenants'][number]): Finding {
  const meanwhile = refuses ? 'its producers are refused' : 'it takes more all the same';
  // It may have become full a moment ago.
  const since = fullMs < 1_000 ? 'is full' : `has been full for ${spoken(fullMs)}`;
  return finding('tenant_full', {
    subject: id,
    summary: `The tenant "${id}" ${since}, with ${maxWaiting} webhooks or more that are unfinished: ${meanwhile}.`,
    detail: { full_s: seconds(fullMs), max_waiting: maxWaiting, refuses },
  });
}

function ourOwn(
  { hold, workers, horizon, missingPartitions, missingKeys }: AlertFacts,
  thresholds: AlertThresholds,
): Finding[] {
  const findings: Finding[] = [];
  if (hold !== null) {
    findings.push(
      finding('held', {
        summary: `Nothing is sent: ${hold.reason}.`,
        detail: { kind: hold.kind },
      }),
    );
  }
  // A held database needs no worker.
  if (workers.alive === 0 && hold === null) {
    findings.push(
      finding('no_worker', {
        afterMs: thresholds.noWorkerMs - slackMs,
        summary: 'No worker is alive: nothing is delivered.',
        detail: {},
      }),
    );
  }
  if (workers.notClaiming !== null) {
    const { workers: count, failingMs, error } = workers.notClaiming;
    findings.push(
      finding('claims_failing', {
        summary: `Claims have failed for ${spoken(failingMs)} on ${count} of ${workers.alive} workers: ${error}`,
        detail: { workers: count, alive: workers.alive, error, failing_s: seconds(failingMs) },
      }),
    );
  }
  if (workers.withoutEgress > 0) {
    findings.push(
      finding('egress_down', {
        summary: `Most endpoints cannot be reached from ${workers.withoutEgress} of ${workers.alive} workers: breakers are frozen there.`,
        detail: { workers: workers.withoutEgress, alive: workers.alive },
      }),
    );
  }
  if (horizon !== null && horizon.pinnedMs >= thresholds.xminMs) {
    findings.push(
      finding('pinned_xmin', {
        summary: `Vacuum has not been able to remove dead rows for ${spoken(horizon.pinnedMs)}, which slows the queue down: ${horizon.holder} holds them.`,
        detail: { holder: horizon.holder, pinned_s: seconds(horizon.pinnedMs) },
      }),
    );
  }
  if (missingKeys.length > 0) {
    findings.push(
      finding('encryption_key_missing', {
        summary: `Encryption keys are missing or wrong: ${missingKeys.join(', ')}. Webhooks to endpoints whose secrets they sealed are held.`,
        detail: { keys: missingKeys },
      }),
    );
  }
  if (missingPartitions.length > 0) {
    findings.push(
      finding('partition_missing', {
        summary: `Partitions are missing: ${missingPartitions.join(', ')}. Their rows go to the default partitions, which cannot be dropped day by day.`,
        detail: { partitions: missingPartitions },
      }),
    );
  }
  return findings;
}

function finding(
  rule: AlertRule,
  given: Partial<Finding> & Pick<Finding, 'summary' | 'detail'>,
): Finding {
  const { severity } = alertRules[rule];
  return { rule, subject: '', severity, fires: true, afterMs: 0, step: 1, ...given };
}

function last(error: string | null): string {
  return error === null ? '' : `, last with ${error}`;
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}

/** Formats a duration for people, rounded down to a unit they think in: 90 minutes, 26 hours, 5 days. */
function spoken(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 2) return `${seconds(ms)} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 72 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
