import { setTimeout as delay } from 'node:timers/promises';
import { Gauge, Registry } from 'prom-client';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { readHold } from '../queries/hold.ts';
import { readStats } from '../queries/read-stats.ts';
import { countAttempts } from './attempt-metrics.ts';
import { type DatabaseFigures, exposeDatabase } from './database-metrics.ts';
import { countEngine } from './engine-metrics.ts';
import { exposeProcess, nodeRegistry, type ProcessSources } from './process-metrics.ts';

/*
 * The metrics. They are counted from events, and read from the process and the database at each scrape.
 *
 * Only countAttempts() runs for each webhook. A scrape never throws, and answers within 2 s even if the database does
 * not; then its figures are missing. docs/metrics.md names all metrics, and a test compares it with the output.
 */

/** The answer to a scrape by Prometheus. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

export interface MetricsOptions extends ProcessSources {
  readonly events: Events;
  readonly log: Log;
  /** The names of the scheduled tasks. */
  readonly tasks: readonly string[];
  /** POSTHORN_ENVIRONMENT; empty: not set. */
  readonly environment: string;
}

/** How long a scrape waits for the database. */
const patienceMs = 2_000;

/** Starts counting; returns a function that answers a scrape. */
export function createMetrics(options: MetricsOptions): () => Promise<Scrape> {
  const { events, tasks } = options;
  const registry = new Registry();
  exposeProcess(options, registry);
  if (options.worker !== undefined) {
    countAttempts(events, registry);
    countEngine({ events, registry, tasks });
  }
  const up = new Gauge({
    name: 'posthorn_database_up',
    help: '1 when the figures of the database could be read for this scrape.',
    registers: [registry],
  });
  const showFigures = exposeDatabase(registry);
  const figuresNow = shared(options);
  return async () => {
    const figures = await figuresNow();
    up.set(Number(figures !== undefined));
    showFigures(figures);
    const [ours, nodes] = await Promise.all([registry.metrics(), nodeRegistry().metrics()]);
    return { contentType: registry.contentType, text: `${ours}\n${nodes}` };
  };
}

/** Asks the database once for all concurrent scrapes; undefined when there is no answer in time. */
function shared({
  pool,
  environment,
  log,
}: MetricsOptions): () => Promise<DatabaseFigures | undefined> {
  let question: Promise<DatabaseFigures | undefined> | undefined;
  const ask = async () => {
    try {
      const [stats, hold] = await Promise.all([readStats(pool), readHold(pool, environment)]);
      return stats === undefined ? undefined : { ...stats, isHeld: hold !== undefined };
    } catch (error) {
      log.warn({ error: String(error) }, 'Cannot read the figures of the database for metrics');
      return undefined;
    } finally {
      question = undefined;
    }
  };
  return async () => {
    question ??= ask();
    const answered = new AbortController();
    const tooLate = delay(patienceMs, undefined, { signal: answered.signal, ref: false }).catch(
      () => undefined,
    );
    const figures = await Promise.race([question, tooLate]);
    answered.abort();
    return figures;
  };
}
