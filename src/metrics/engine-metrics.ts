import { Counter, Gauge, type Registry } from 'prom-client';
import type { Events } from '../events.ts';
import { Distribution } from './distribution.ts';

const durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface CountOptions {
  readonly events: Events;
  readonly registry: Registry;
  /** The names of the scheduled tasks. */
  readonly tasks: readonly string[];
}

/**
 * Counts what a worker does besides sending: claims, records, breakers, rescues, jobs. These are a few events a second
 * at most.
 */
export function countEngine({ events, registry, tasks }: CountOptions): void {
  countStatements(events, registry);
  countLanes(events, registry);
  countWorker(events, registry);
  countJobs({ events, registry, tasks });
}

function countStatements(events: Events, registry: Registry): void {
  const distribution = (name: string, help: string, bounds: readonly number[]) =>
    new Distribution({ name, help, registry, bounds });
  const claims = distribution(
    'posthorn_claim_duration_seconds',
    'How long the worker waited for claims that found webhooks.',
    durationBounds,
  );
  const claimed = distribution(
    'posthorn_claim_webhooks',
    'Webhooks per claim that found any.',
    [1, 2, 5, 10, 20, 50, 100, 150, 200],
  );
  events.on('claimed', ({ webhooks, durationMs }) => {
    claims.note(durationMs / 1_000);
    claimed.note(webhooks);
  });
  const failed = counter(registry, 'posthorn_claim_failures_total', 'Claims that failed.');
  events.on('claimFailed', () => failed.inc());
  const poisoned = new Counter({
    name: 'posthorn_poisoned_webhooks_total',
    help: 'Webhooks whose rows could not be handled, by what happened to them.',
    labelNames: ['became'],
    registers: [registry],
  });
  for (const became of ['delivered', 'failed', 'set_aside']) poisoned.inc({ became }, 0);
  events.on('poisoned', ({ became }) => poisoned.inc({ became }));
  const scans = distribution(
    'posthorn_scan_duration_seconds',
    'Looks at all lanes.',
    durationBounds,
  );
  events.on('scanned', ({ durationMs }) => scans.note(durationMs / 1_000));
  const records = distribution(
    'posthorn_record_duration_seconds',
    'Writing a batch of results.',
    durationBounds,
  );
  const recorded = distribution(
    'posthorn_record_results',
    'Results in a batch.',
    [1, 2, 5, 10, 20, 50, 100, 200, 500],
  );
  const fenced = counter(
    registry,
    'posthorn_results_fenced_total',
    'Results whose lease was no longer ours.',
  );
  events.on('recorded', ({ results, ours, durationMs }) => {
    records.note(durationMs / 1_000);
    recorded.note(results);
    if (results > ours) fenced.inc(results - ours);
  });
  const lost = counter(
    registry,
    'posthorn_results_lost_total',
    'Results that could not be written in time: these webhooks are sent again.',
  );
  events.on('recordLost', ({ results }) => lost.inc(results));
}

function countLanes(events: Events, registry: Registry): void {
  const opened = counter(
    registry,
    'posthorn_breakers_opened_total',
    'Times that a breaker opened, including after failed probes.',
  );
  events.on('breakersOpened', ({ lanes, origins }) => opened.inc(lanes.length + origins.length));
  const closed = counter(
    registry,
    'posthorn_breakers_closed_total',
    'Times that an open breaker closed.',
  );
  events.on('breakersClosed', ({ lanes, origins }) => closed.inc(lanes.length + origins.length));
  const disabled = new Counter({
    name: 'posthorn_endpoints_disabled_total',
    help: 'Endpoints that were disabled.',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of ['failing', 'gone']) disabled.inc({ reason }, 0);
  events.on('endpointsDisabled', ({ ids, reason }) => disabled.inc({ reason }, ids.length));
  const egress = new Gauge({
    name: 'posthorn_egress_down',
    help: '1 while most endpoints cannot be reached, which Posthorn takes for an outage on its own side.',
    registers: [registry],
  });
  events.on('egress', ({ isDown }) => egress.set(Number(isDown)));
}

function countWorker(events: Events, registry: Registry): void {
  const losses = counter(
    registry,
    'posthorn_session_losses_total',
    'Times that the worker lost its session, and with it its number.',
  );
  events.on('workerLost', () => losses.inc());
  const ignored = counter(
    registry,
    'posthorn_notifications_ignored_total',
    'Notifications with a payload that Posthorn does not send.',
  );
  events.on('callIgnored', () => ignored.inc());
  const rescues = counter(
    registry,
    'posthorn_rescues_total',
    'Times that this process freed webhooks of a dead worker.',
  );
  const rescued = counter(
    registry,
    'posthorn_rescued_webhooks_total',
    'Webhooks of dead workers that this process freed.',
  );
  events.on('rescued', ({ webhooks }) => {
    if (webhooks > 0) rescues.inc();
    rescued.inc(webhooks);
  });
  const restarts = counter(
    registry,
    'posthorn_runner_restarts_total',
    "Times that Graphile Worker's runner stopped unexpectedly and was started again.",
  );
  events.on('runnerRestarted', () => restarts.inc());
}

function countJobs({ events, registry, tasks }: CountOptions): void {
  const jobs = new Counter({
    name: 'posthorn_jobs_total',
    help: 'Graphile jobs that ran here.',
    labelNames: ['task', 'result'],
    registers: [registry],
  });
  const known = new Set(tasks);
  for (const task of ['deliver', ...tasks]) {
    for (const result of ['success', 'error', 'failed']) jobs.inc({ task, result }, 0);
  }
  events.on('jobEnded', ({ task, result }) => {
    // The task is deliver:<number>, a slice of the loop; the number is not a label.
    const name = task.startsWith('deliver:') ? 'deliver' : task;
    jobs.inc({ task: name === 'deliver' || known.has(name) ? name : 'other', result });
  });
  const made = counter(
    registry,
    'posthorn_partitions_made_total',
    'Partitions that this process made, three a day.',
  );
  const dropped = counter(
    registry,
    'posthorn_partitions_dropped_total',
    'Partitions that this process dropped, three a day.',
  );
  events.on('maintained', ({ detail }) => {
    if (typeof detail['made'] === 'number') made.inc(detail['made']);
    if (Array.isArray(detail['dropped'])) dropped.inc(3 * detail['dropped'].length);
  });
}

function counter(registry: Registry, name: string, help: string): Counter {
  return new Counter({ name, help, registers: [registry] });
}
