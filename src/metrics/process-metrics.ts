import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { DatabasePool } from 'slonik';
import { version } from '../version.ts';

/** The parts of a pg pool that metrics read. */
interface PgPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** The parts of a worker that metrics read. */
interface WatchedWorker {
  readonly state: string;
  readonly inFlight: number;
  readonly pools: Readonly<Record<string, PgPool>>;
}

export interface ProcessSources {
  /** The pool of the API or of the health endpoints. */
  readonly pool: DatabasePool;
  /** Undefined: Redis is not used. */
  readonly cache: { readonly isUsable: boolean } | undefined;
  /** Undefined: no worker runs here. If it returns undefined: the worker has not been started yet. */
  readonly worker: (() => WatchedWorker | undefined) | undefined;
  readonly maxInFlight: number;
}

/** Registers the metrics that are read from the process at each scrape. */
export function exposeProcess(sources: ProcessSources, registry: Registry): void {
  const registers = [registry];
  new Gauge({
    name: 'posthorn_build_info',
    help: 'Always 1.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
  exposePools(sources, registry);
  const { cache } = sources;
  if (cache !== undefined) {
    gauge(registry, {
      name: 'posthorn_redis_up',
      help: '1 while Redis answers.',
      value: () => Number(cache.isUsable),
    });
  }
  exposeWorker(sources, registry);
}

function exposePools(sources: ProcessSources, registry: Registry): void {
  const connections = new Gauge({
    name: 'posthorn_pool_connections',
    help: 'Connections to Postgres.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect: () => {
      for (const { pool, idle, busy } of poolsOf(sources)) {
        connections.set({ pool, state: 'idle' }, idle);
        connections.set({ pool, state: 'busy' }, busy);
      }
    },
  });
  const waiting = new Gauge({
    name: 'posthorn_pool_waiting',
    help: 'Callers that wait for a connection to Postgres.',
    labelNames: ['pool'],
    registers: [registry],
    collect: () => {
      for (const use of poolsOf(sources)) waiting.set({ pool: use.pool }, use.waiting);
    },
  });
}

function poolsOf({ pool, worker }: ProcessSources) {
  const { idleConnections, acquiredConnections, waitingClients } = pool.state();
  const ofWorker = Object.entries(worker?.()?.pools ?? {});
  return [
    { pool: 'api', idle: idleConnections, busy: acquiredConnections, waiting: waitingClients },
    ...ofWorker.map(([name, { totalCount, idleCount, waitingCount }]) => ({
      pool: name,
      idle: idleCount,
      busy: totalCount - idleCount,
      waiting: waitingCount,
    })),
  ];
}

function exposeWorker({ worker, maxInFlight }: ProcessSources, registry: Registry): void {
  if (worker === undefined) return;
  gauge(registry, {
    name: 'posthorn_in_flight',
    help: 'Requests under way.',
    value: () => worker()?.inFlight ?? 0,
  });
  gauge(registry, {
    name: 'posthorn_in_flight_limit',
    help: 'Requests that may be under way at the same time.',
    value: () => maxInFlight,
  });
  gauge(registry, {
    name: 'posthorn_worker_ready',
    help: "1 while this process has a worker's number and claims.",
    value: () => Number(worker()?.state === 'ok'),
  });
}

function gauge(
  registry: Registry,
  { name, help, value }: { name: string; help: string; value: () => number },
): void {
  const made: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => made.set(value()),
  });
}

/**
 * Made once: the observers of garbage collection and the event loop live as long as the process, and a library may be
 * started several times in one process.
 */
let node: Registry | undefined;

/** Node's own metrics. */
export function nodeRegistry(): Registry {
  if (node !== undefined) return node;
  node = new Registry();
  collectDefaultMetrics({ register: node });
  // These are gauges with names of counters, and sums of other metrics.
  for (const what of ['handles', 'requests', 'resources']) {
    node.removeSingleMetric(`nodejs_active_${what}_total`);
  }
  return node;
}
