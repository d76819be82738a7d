import type { Pool } from 'pg';
import { evaluateAlerts } from '../alerts/alerts.ts';
import { Tallies } from '../alerts/tallies.ts';
import type { LaneCache } from '../cache/lane-cache.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/database.ts';
import { createEnginePool, createMaintenancePool } from '../db/pools.ts';
import { Breakers } from '../deliver/breakers.ts';
import { DatabaseClock } from '../deliver/database-clock.ts';
import { GoneEndpoints } from '../deliver/gone-endpoints.ts';
import { HeldBackReport } from '../deliver/held-back-report.ts';
import { DeliveryLoop } from '../deliver/loop.ts';
import { Recorder } from '../deliver/recorder.ts';
import { Sender } from '../deliver/sender.ts';
import { Tracing } from '../deliver/tracing.ts';
import { createAddressPolicy } from '../domain/address-policy.ts';
import type { Hold } from '../domain/hold.ts';
import type { Events } from '../events.ts';
import { createHttpClient } from '../http/http-client.ts';
import { createNameResolver } from '../http/name-resolver.ts';
import { LaneBook } from '../lanes/lane-book.ts';
import type { Log } from '../log.ts';
import { makePartitions, makePartitionsSoon } from '../maintenance/partitions.ts';
import { version } from '../version.ts';
import { HoldWatch } from './hold-watch.ts';
import { rescueDeadWorkers, rescueOwn } from './rescue.ts';
import { type Timings, usualTimings } from './timings.ts';
import { Worker } from './worker.ts';

/** The longest timeout that a CHECK allows for a registered endpoint. */
const mostTimeoutMs = 60_000;
/** Shorter failures are passing, for example because a connection was cut. */
const usualClaimsFailAfterMs = 10_000;

/** Composes the engine, from the pools to the worker, and starts it. Steps to undo at the end are pushed to `undo`. */
export function startWorker(options: {
  readonly config: Config;
  readonly log: Log;
  readonly events: Events;
  readonly cache?: LaneCache | undefined;
  readonly database: Pick<Database, 'url' | 'allowNetworks' | 'keyRing'>;
  readonly undo: (() => Promise<unknown>)[];
  readonly sliceMs?: number;
  readonly claimsFailAfterMs?: number;
  readonly timings?: Partial<Timings>;
}): Worker {
  const { config, log, events, cache, database, undo } = options;
  const timings = { ...usualTimings, ...options.timings };
  const databaseUrl = database.url;
  const enginePool = createEnginePool({
    databaseUrl,
    log,
    max: 6,
    applicationName: 'posthorn engine',
  });
  const maintenancePool = createMaintenancePool({
    databaseUrl,
    log,
    max: 6,
    applicationName: 'posthorn maintenance',
  });
  undo.push(() => Promise.all([enginePool.end(), maintenancePool.end()]));
  const names = config.dns === 'servers' ? createNameResolver() : undefined;
  if (names !== undefined) undo.push(async () => names.close());
  const http = createHttpClient({
    connectTimeoutMs: config.connectTimeoutMs,
    timeoutMs: config.timeoutMs,
    connections: config.maxInFlight,
    allows: createAddressPolicy({ allow: database.allowNetworks }),
    lookup: names?.lookup,
    proxy: config.proxy,
  });
  undo.push(() => http.close());
  const clock = new DatabaseClock(log);
  const breakers = new Breakers({ pool: enginePool, events, log });
  const endpoints = new GoneEndpoints({ pool: enginePool, events, log });
  const recorder = new Recorder({ pool: enginePool, breakers, endpoints, events, log });
  const sender = new Sender({
    pool: enginePool,
    http,
    recorder,
    breakers,
    clock,
    tracing: new Tracing(version),
    events,
    log,
    keyRing: database.keyRing,
    version,
    retryScheduleMs: config.retryScheduleMs,
  });
  const book = new LaneBook({ most: config.maxInFlight, releaseAfterMs: timings.releaseAfterMs });
  const loop = new DeliveryLoop({
    pool: enginePool,
    book,
    sender,
    breakers,
    clock,
    cache,
    events,
    log,
    maxInFlight: config.maxInFlight,
    scanEveryMs: timings.scanEveryMs,
    // Longer than a request can take and than the recorder is patient, so that only the dead lose a lease.
    leaseS: (Math.max(config.timeoutMs, mostTimeoutMs) + 60_000) / 1_000,
    releaseUnknown: (number) => rescueOwn(maintenancePool, { number, keep: inHand(), events, log }),
  });
  const inHand = () => [...sender.webhookIds, ...recorder.webhookIds];
  cache?.listen(() => loop.wake());
  const tallies = new Tallies({
    pool: maintenancePool,
    alertUrl: config.alerts.url,
    writeEveryMs: timings.countEveryMs,
    events,
    log,
  });
  tallies.start();
  undo.push(() => tallies.stop());
  const worker = new Worker({
    databaseUrl,
    enginePool,
    maintenancePool,
    loop,
    breakers,
    sender,
    recorder,
    heldBack: new HeldBackReport({ book, sender, clock }),
    events,
    log,
    version,
    maintenance: {
      retentionMs: config.retentionMs,
      disableAfterMs: config.disableAfterMs,
      alerts: config.alerts,
      keyRing: database.keyRing,
      environment: config.environment,
    },
    tallies,
    holds: new HoldWatch({
      pool: maintenancePool,
      environment: config.environment,
      log,
      whileHeld: (look) =>
        keepHeld({ ...look, pool: maintenancePool, config, keep: inHand(), events, log }),
    }),
    ...(options.sliceMs === undefined ? {} : { sliceMs: options.sliceMs }),
    claimsFailAfterMs: options.claimsFailAfterMs ?? usualClaimsFailAfterMs,
    timings,
  });
  const endPartitions = makePartitionsSoon(maintenancePool, {
    againMs: timings.partitionsAgainMs,
    log,
  });
  undo.push(async () => endPartitions());
  worker.start();
  undo.push(() => worker.stop({ graceMs: config.graceMs, abort: () => http.destroy() }));
  return worker;
}

/**
 * Does what must go on while the database is held and no crontab runs: frees what dead workers had claimed, so that it can be
 * cancelled (in a copy, the workers of the original are dead); tells the alert; makes partitions for new rows.
 */
async function keepHeld(options: {
  readonly pool: Pool;
  readonly config: Config;
  readonly keep: readonly string[];
  readonly hold: Hold;
  readonly isNew: boolean;
  readonly events: Events;
  readonly log: Log;
}): Promise<void> {
  const { pool, config, keep, hold, isNew, events, log } = options;
  const { alerts, environment } = config;
  try {
    await rescueDeadWorkers(pool, { keep, events, log });
    // Of another environment's database its own workers tell, if there are any: what is found here is only so here.
    const ifOlderThanMs = hold.kind === 'environment' ? 90_000 : isNew ? 0 : 30_000;
    const told = await evaluateAlerts(pool, { alerts, environment, events, log, ifOlderThanMs });
    if (told !== undefined) await makePartitions(pool);
  } catch (error) {
    log.warn({ error: String(error) }, 'Cannot look after the database that is held');
  }
}
