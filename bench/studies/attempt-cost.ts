/**
 * What an attempt costs to count, to log and to be asked about a trace: ns of CPU each, in a loop of their own.
 *
 *     node bench/studies/attempt-cost.ts
 *
 * The road of a webhook is not in it: `npm run bench` measures that with all of this in place.
 */
import { openSync } from 'node:fs';
import { pino } from 'pino';
import { Counter, Histogram, Registry } from 'prom-client';
import type { Config } from '../../src/config/config.ts';
import type { ClaimedWebhook } from '../../src/deliver/claim.ts';
import { Tracing } from '../../src/deliver/tracing.ts';
import { type Attempted, createEvents, type Events } from '../../src/events.ts';
import { logAttempts } from '../../src/log-attempts.ts';
import { countAttempts } from '../../src/metrics/attempt-metrics.ts';

const rounds = 5;
const attemptsPerRound = 300_000;

const webhook = {
  webhookId: '0199c0de-1234-7abc-8def-0123456789ab',
  outboxId: '0199c0de-1234-7abc-8def-0123456789ab',
  endpointId: null,
  tenant: '',
  eventType: null,
  lane: '-1234567890123456789',
  groups: { tenant: null, origin: '-8765432109876543210' },
  url: 'https://hooks.example.com/path/of/it?key=value',
  priority: 1,
  number: 1,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
} as const;

const delivered: Attempted = {
  webhook: {
    ...webhook,
    ...{ leasedBy: 1, isProbe: false, uncounted: 0, pastAttempts: 0, goneAnswers: 0 },
  },
  traceparent: webhook.traceparent,
  waitMs: 1.25,
  endedAtMs: Date.now(),
  result: {
    kind: 'response',
    statusCode: 200,
    retryAfter: undefined,
    location: undefined,
    body: new Uint8Array(),
    truncated: false,
    contentEncoding: undefined,
    durationMs: 12.3,
    retriedConnection: false,
  },
  verdict: { kind: 'delivered' },
  decision: { became: 'delivered' },
};
const retried: Attempted = {
  ...delivered,
  verdict: { kind: 'retry', reason: 'http_503', notBeforeMs: undefined, pressure: 'overload' },
  decision: { became: 'retry', inMs: 60_000, counts: true },
};

const nothing = emitting(delivered, () => {});
const report = [
  ['the event alone', nothing],
  ['with metrics', emitting(delivered, (events) => countAttempts(events, new Registry()))],
  ['with prom-client’s own counters and histograms', emitting(delivered, countPlainly)],
  ['with metrics, retried', emitting(retried, (events) => countAttempts(events, new Registry()))],
  ['with POSTHORN_LOG_ATTEMPTS=failures, delivered', emitting(delivered, logging('failures'))],
  ['with a line in the log', emitting(retried, logging('failures'))],
  ['asking for a trace without an SDK', asking()],
] as const;
for (const [name, run] of report) {
  const costs = Array.from({ length: rounds + 1 }, () => nsOf(run)).slice(1);
  console.log(`${String(Math.round(median(costs))).padStart(7)} ns  ${name}`);
}

function emitting(attempted: Attempted, subscribe: (events: Events) => void): () => void {
  const events = createEvents();
  subscribe(events);
  // As the sender does, an object anew each time.
  return () => {
    for (let at = 0; at < attemptsPerRound; at += 1) events.emit('attempted', { ...attempted });
  };
}

function countPlainly(events: Events): void {
  const registers = [new Registry()];
  const attempts = new Counter({
    name: 'attempts_total',
    help: 'attempts',
    labelNames: ['outcome', 'reason', 'status_class'],
    registers,
  }).labels({ outcome: 'delivered', reason: 'none', status_class: '2xx' });
  const ended = new Counter({
    name: 'ended_total',
    help: 'ended',
    labelNames: ['status', 'reason'],
    registers,
  }).labels({ status: 'delivered', reason: 'none' });
  const [duration, wait, delivery] = ['outcome', 'priority', 'kind'].map((label) =>
    new Histogram({ name: `of_${label}`, help: label, labelNames: [label], registers }).labels({
      [label]: 'usual',
    }),
  );
  events.on('attempted', ({ result, waitMs }) => {
    attempts.inc();
    ended.inc();
    duration?.observe(result.durationMs / 1_000);
    wait?.observe(waitMs / 1_000);
    delivery?.observe(result.durationMs / 1_000);
  });
}

function logging(which: Config['logAttempts']): (events: Events) => void {
  const log = pino(
    { level: 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: openSync('/dev/null', 'w'), sync: true }),
  );
  return (events) => logAttempts({ events, log, which });
}

function asking(): () => void {
  const tracing = new Tracing('0.0.0');
  const claimed: ClaimedWebhook = {
    ...webhook,
    uncounted: 0,
    pastAttempts: 0,
    dueMs: 0,
    groups: { tenant: null, origin: '-987654321987654321' },
    leasedBy: 1,
    body: '{}',
    headers: null,
    contentType: 'application/json',
    endpointSecret: null,
    formerSecrets: null,
    endpointHeaders: null,
    signedAs: null,
    secret: null,
    maxAttempts: null,
    idempotencyKey: null,
    isEndpointDeleted: false,
    isOrdered: false,
    goneAnswers: 0,
    timeoutMs: null,
    retryScheduleMs: null,
    isProbe: false,
    claimed: { fromMs: 0, toMs: 1 },
  };
  return () => {
    for (let at = 0; at < attemptsPerRound; at += 1) tracing.begin(claimed);
  };
}

function nsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / attemptsPerRound;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
