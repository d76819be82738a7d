import { Gauge, type Registry } from 'prom-client';
import { priorities } from '../domain/priority.ts';
import type { Stats } from '../queries/read-stats.ts';

type Labels = Readonly<Record<string, string>>;

/** The figures that the database counts about itself, and whether it is held. */
export type DatabaseFigures = Stats & { readonly isHeld: boolean };

/** A series of a metric. */
type Series = readonly [labels: Labels, value: number];

interface DatabaseMetric {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly seriesOf: (stats: DatabaseFigures) => readonly Series[];
}

const states = ['due', 'held', 'retry', 'scheduled', 'sending'] as const;

/** The figures of posthorn.take_stats() as metrics. Every series always exists, zeros included. */
const databaseMetrics: readonly DatabaseMetric[] = [
  {
    name: 'posthorn_queue_webhooks',
    help: 'Unfinished webhooks.',
    labelNames: ['priority', 'state'],
    seriesOf: (stats) => ofQueue(stats, { among: states, read: (found) => found?.webhooks }),
  },
  {
    name: 'posthorn_queue_oldest_due_age_seconds',
    help: 'How long the oldest due webhook has been due.',
    labelNames: ['priority', 'state'],
    seriesOf: (stats) =>
      ofQueue(stats, { among: ['due', 'held'], read: (found) => found?.oldest_due_s }),
  },
  single(
    'posthorn_queue_is_estimated',
    'Whether the queue is so large that its numbers come from a sample.',
    (stats) => Number(stats.is_estimated),
  ),
  byLabel('posthorn_lanes', 'Lanes that fail or are not sent to.', [
    'state',
    (stats) => stats.lanes,
  ]),
  byLabel('posthorn_origins', 'Origins that do not answer or are not sent to.', [
    'state',
    (stats) => stats.origins,
  ]),
  byLabel('posthorn_workers', 'Workers that are alive, or dead and not rescued yet.', [
    'state',
    (stats) => stats.workers,
  ]),
  single(
    'posthorn_held',
    '1 while nothing is sent from this database: it is a copy, belongs to another environment, or an operator holds it.',
    (stats) => Number(stats.isHeld),
  ),
  single(
    'posthorn_fan_outs',
    'Events with so many recipients that a job is adding them to the queue.',
    (stats) => stats.events.fan_outs,
  ),
  single(
    'posthorn_fan_outs_oldest_age_seconds',
    'How long ago the oldest of these events was published; 0 without one.',
    (stats) => stats.events.oldest_fan_out_s,
  ),
  single(
    'posthorn_catch_ups',
    'Endpoints for which a job is adding the events that they have missed.',
    (stats) => stats.events.catch_ups,
  ),
  single(
    'posthorn_partitions_ahead',
    'Days without a gap, from tomorrow on, that have their partitions.',
    (stats) => stats.partitions_ahead,
  ),
  byLabel(
    'posthorn_partitions_overdue',
    'Partitions older than the retention that the last pruning kept.',
    ['cause', (stats) => stats.partitions_overdue],
  ),
  byLabel(
    'posthorn_maintenance_last_success_timestamp_seconds',
    'When a scheduled task last succeeded, on any worker.',
    ['task', (stats) => mapValues(stats.tasks, (task) => task.ended_at)],
  ),
  byLabel(
    'posthorn_maintenance_duration_seconds',
    'How long the last successful run of a scheduled task took.',
    ['task', (stats) => mapValues(stats.tasks, (task) => task.duration_s)],
  ),
  single(
    'posthorn_oldest_transaction_age_seconds',
    'Age of the oldest open transaction that Posthorn may see.',
    (stats) => stats.oldest_transaction_s,
  ),
  single('posthorn_stats_age_seconds', 'How old the figures of the database are.', (stats) =>
    Math.max(0, stats.age_s),
  ),
  single(
    'posthorn_stats_duration_seconds',
    'How long Postgres took to count the figures of the database.',
    (stats) => stats.took_ms / 1_000,
  ),
];

/** Registers these metrics; returns a function that shows new figures in them, or nothing when there are no figures. */
export function exposeDatabase(registry: Registry): (stats: DatabaseFigures | undefined) => void {
  const gauges = databaseMetrics.map(({ name, help, labelNames, seriesOf }) => ({
    gauge: new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] }),
    seriesOf,
  }));
  return (stats) => {
    for (const { gauge, seriesOf } of gauges) {
      gauge.reset();
      // A gauge without labels is 0 after a reset, which would be wrong.
      gauge.remove({});
      if (stats === undefined) continue;
      for (const [labels, value] of seriesOf(stats)) gauge.set({ ...labels }, value);
    }
  };
}

function ofQueue(
  { queue }: Stats,
  {
    among,
    read,
  }: {
    among: readonly (typeof states)[number][];
    read: (found: Stats['queue'][number] | undefined) => number | null | undefined;
  },
): Series[] {
  return priorities.flatMap((priority, at) =>
    among.map((state): Series => {
      const found = queue.find((row) => row.priority === at && row.state === state);
      return [{ priority, state }, read(found) ?? 0];
    }),
  );
}

function single(
  name: string,
  help: string,
  read: (stats: DatabaseFigures) => number,
): DatabaseMetric {
  return { name, help, labelNames: [], seriesOf: (stats) => [[{}, read(stats)]] };
}

function byLabel(
  name: string,
  help: string,
  [label, valuesOf]: [string, (stats: DatabaseFigures) => Readonly<Record<string, number>>],
): DatabaseMetric {
  return {
    name,
    help,
    labelNames: [label],
    seriesOf: (stats) =>
      Object.entries(valuesOf(stats)).map(([key, value]) => [{ [label]: key }, value]),
  };
}

function mapValues<Value>(
  record: Readonly<Record<string, Value>>,
  numberOf: (value: Value) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, numberOf(value)]));
}
