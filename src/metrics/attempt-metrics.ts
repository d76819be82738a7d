import { Counter, Gauge, type Registry } from 'prom-client';
import { priorities } from '../domain/priority.ts';
import { uuidTimeMs } from '../domain/uuid.ts';
import type { Attempted, Events } from '../events.ts';
import {
  type AttemptLabels,
  allAttemptLabels,
  classOf,
  type Outcome,
  outcomeOf,
  outcomes,
} from './attempt-labels.ts';
import { Distribution } from './distribution.ts';
import { RecentWindow } from './recent-window.ts';

/*
 * What every attempt counts into. On the road of each webhook, so all series are found beforehand and an attempt only adds to
 * numbers: 0.2 µs of CPU where prom-client's own counters and histograms took 1.4 (bench/studies/attempt-cost.ts).
 */

interface Tally {
  readonly labels: AttemptLabels;
  /** Since the last scrape. */
  attempts: number;
}

export function countAttempts(events: Events, registry: Registry): void {
  const tallies = allAttemptLabels.map((labels): Tally => ({ labels, attempts: 0 }));
  const tallyOf = tallyFinder(tallies);
  const durations = new Distribution({
    name: 'posthorn_attempt_duration_seconds',
    help: 'From the start of the connection to the end of the response.',
    registry,
    bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    label: { name: 'outcome', values: outcomes },
  });
  const waits = new Distribution({
    name: 'posthorn_queue_wait_seconds',
    help: 'From the due time of an attempt to its start.',
    registry,
    bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200],
    label: { name: 'priority', values: priorities },
  });
  const deliveries = new Distribution({
    name: 'posthorn_delivery_time_seconds',
    help: 'From enqueueing to the 2xx, including retries and a send_at; for resent webhooks, from when they were due.',
    registry,
    bounds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 1_800, 7_200, 21_600, 86_400],
  });
  const recent = new RecentWindow();
  events.on('attempted', (attempted: Attempted) => {
    const { verdict, decision, result } = attempted;
    const outcome = outcomeOf(decision);
    const tally = tallyOf(verdict.kind === 'delivered' ? undefined : verdict.reason, outcome);
    tally.attempts += 1;
    durations.note(result.durationMs / 1_000, outcomes.indexOf(outcome));
    waits.note(attempted.waitMs / 1_000, attempted.webhook.priority);
    let deliveryS: number | undefined;
    if (outcome === 'delivered') {
      deliveryS = deliveryTimeMs(attempted) / 1_000;
      deliveries.note(deliveryS);
    }
    if (outcome !== 'repeat') recent.note({ deliveryS, nowMs: performance.now() });
  });
  exposeTallies(tallies, registry);
  exposeRecent(recent, registry);
}

/** For a resent webhook, the id's time would include the days in between. */
function deliveryTimeMs({ webhook, waitMs, result, endedAtMs }: Attempted): number {
  if (webhook.pastAttempts > 0) return waitMs + result.durationMs;
  return Math.max(0, endedAtMs - uuidTimeMs(webhook.outboxId));
}

/** Finds the tally of an attempt, by its outcome and its exact reason, of which there are at most some hundreds. */
function tallyFinder(tallies: Tally[]) {
  const known = new Map<string | undefined, Partial<Record<Outcome, Tally>>>();
  return (reason: string | undefined, outcome: Outcome): Tally => {
    let ofReason = known.get(reason);
    if (ofReason === undefined) {
      ofReason = {};
      known.set(reason, ofReason);
    }
    const tally = ofReason[outcome] ?? findTally(tallies, { outcome, ...classOf(reason) });
    ofReason[outcome] = tally;
    return tally;
  };
}

function findTally(tallies: Tally[], labels: AttemptLabels): Tally {
  const known = tallies.find(
    (tally) => tally.labels.outcome === labels.outcome && tally.labels.reason === labels.reason,
  );
  if (known !== undefined) return known;
  const tally = { labels, attempts: 0 };
  tallies.push(tally);
  return tally;
}

function exposeTallies(tallies: readonly Tally[], registry: Registry): void {
  const attempts = new Counter({
    name: 'posthorn_attempts_total',
    help: 'Requests that ended.',
    labelNames: ['outcome', 'reason', 'status_class'],
    registers: [registry],
    collect: () => {
      for (const tally of tallies) {
        attempts.inc({ ...tally.labels }, tally.attempts);
        const { outcome, reason } = tally.labels;
        if (isEnd(outcome)) ended.inc({ status: outcome, reason }, tally.attempts);
        tally.attempts = 0;
      }
    },
  });
  // Registered later and so collected later: it includes the values that the other one has added.
  const ended = new Counter({
    name: 'posthorn_webhooks_ended_total',
    help: 'Webhooks that ended as delivered or as failed (dead letters).',
    labelNames: ['status', 'reason'],
    registers: [registry],
  });
}

function isEnd(outcome: string): boolean {
  return outcome === 'delivered' || outcome === 'failed';
}

function exposeRecent(recent: RecentWindow, registry: Registry): void {
  const show = (gauge: Gauge, value: number | undefined) => {
    if (value === undefined) gauge.remove({});
    else gauge.set(value);
  };
  const success: Gauge = new Gauge({
    name: 'posthorn_recent_success_ratio',
    help: 'Delivered attempts divided by all that count, in the last 5 minutes of this process.',
    registers: [registry],
    collect: () => show(success, recent.summary(performance.now()).successRatio),
  });
  const delivery: Gauge = new Gauge({
    name: 'posthorn_recent_delivery_time_seconds',
    help: 'Average time from enqueueing to the 2xx, in the last 5 minutes of this process.',
    registers: [registry],
    collect: () => show(delivery, recent.summary(performance.now()).deliveryS),
  });
}
