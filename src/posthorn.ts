import { createHash } from 'node:crypto';
import type { DatabasePool } from 'slonik';
import { startAlertTimer } from './alerts/alert-timer.ts';
import { createApi } from './api/app.ts';
import { type Doors, hostOf, takePorts } from './api/doors.ts';
import { createHealth, type Readiness } from './api/health.ts';
import { LaneCache } from './cache/lane-cache.ts';
import type { Config } from './config/config.ts';
import { settingsInForce } from './config/settings-in-force.ts';
import type { ConnectionKind } from './db/connection-kind.ts';
import { type Database, openDatabase } from './db/database.ts';
import { migrate } from './db/migrate.ts';
import { isLoopbackHost } from './domain/api-key.ts';
import { createEvents, type Events } from './events.ts';
import type { Log } from './log.ts';
import { logAttempts } from './log-attempts.ts';
import { taskNames } from './maintenance/crontab.ts';
import { replayTask } from './maintenance/replays.ts';
import { createMetrics, type Scrape } from './metrics/create-metrics.ts';
import { hasApiKeys } from './queries/api-keys.ts';
import { checkDatabase } from './queries/check-database.ts';
import { readHold } from './queries/hold.ts';
import { createQueryPool } from './queries/pool.ts';
import { startWorker } from './worker/start-worker.ts';
import type { Timings } from './worker/timings.ts';
import type { Worker, WorkerState } from './worker/worker.ts';

/** The options of a process: its parts, and settings for tests. */
export interface PosthornOptions {
  readonly config: Config;
  readonly log: Log;
  readonly worker: boolean;
  readonly api: boolean;
  readonly events?: Events;
  /** How long one run of the deliver job lasts, ms. */
  readonly sliceMs?: number;
  /** How long claims may fail before the worker reports it, ms. */
  readonly claimsFailAfterMs?: number;
  /** Replaces the usual timings. */
  readonly timings?: Partial<Timings>;
}

/** A running Posthorn. */
export interface Posthorn {
  /** The address of the API, or of the health endpoints when only the worker runs here. */
  readonly address: string;
  /** The address of metrics and health without a key, if they have a separate port. */
  readonly metricsAddress: string | undefined;
  /** A psql command line that opens the database. */
  readonly psql: string;
  /** A private file with the URL of the embedded database, for applications. */
  readonly urlFile: string | undefined;
  readonly isEmbedded: boolean;
  /** Private networks that webhooks may be sent to. */
  readonly allowNetworks: readonly string[];
  readonly events: Events;
  /** Stops everything within the grace time; requests in flight are finished and recorded. */
  stop(): Promise<void>;
}

/**
 * Starts Posthorn in this process: opens and migrates the database, then starts a worker, the API, or both.
 *
 *     const posthorn = await startPosthorn({ config: readConfig(env), log: createLog('info'), worker: true, api: false });
 *     process.once('SIGTERM', () => posthorn.stop());
 *
 * It installs no signal handlers, and does not read the environment: that is for the program that embeds it. The worker
 * shares the event loop with that program, so what blocks the one delays the other. A port is taken even without the API,
 * for health and metrics (`config.port`; 0 is any free one).
 *
 * @throws when the database cannot be opened or migrated, or the port is taken. Nothing keeps running then.
 */
export async function startPosthorn(options: PosthornOptions): Promise<Posthorn> {
  const { config, log, events = createEvents() } = options;
  const database = await openDatabase({ config, log });
  const undo: (() => Promise<unknown>)[] = [() => database.close()];
  const stopAll = async () => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => log.error({ error: String(error) }, 'Cannot stop'));
    }
  };
  try {
    // Before the migration, which may take long, because a process that does not answer is taken for dead. And before
    // the worker, because a process whose port is taken must not begin to deliver.
    const doors = await takePorts({ ...options, undo });
    const { identity, line } = await migrate({
      databaseUrl: database.url,
      environment: config.environment,
      log,
    });
    if (options.worker) requireSession(line);
    const cache = openCache({ config, log, identity, undo });
    let worker: Worker | undefined;
    // The worker needs one connection for its health, and one for the figures of the database.
    const pool = await createQueryPool({
      databaseUrl: database.url,
      line,
      maximumPoolSize: options.api ? 10 : 2,
    });
    undo.push(() => pool.end());
    const scrape = createMetrics({
      events,
      log,
      pool,
      cache,
      tasks: [...taskNames, replayTask],
      worker: options.worker ? () => worker : undefined,
      maxInFlight: config.maxInFlight,
      environment: config.environment,
    });
    logAttempts({ events, log, which: config.logAttempts });
    await openDoors(doors, {
      ...options,
      workerState: () => worker?.state ?? (options.worker ? 'starting' : 'not here'),
      database,
      pool,
      scrape,
      cache,
      undo,
    });
    if (options.api) {
      undo.push(
        startAlertTimer({
          databaseUrl: database.url,
          line,
          alerts: config.alerts,
          environment: config.environment,
          events,
          log,
        }),
      );
    }
    if (options.worker) worker = startWorker({ ...options, events, database, cache, undo });
    return {
      address: `http://${hostOf(config.host)}:${doors.main.port}`,
      metricsAddress:
        doors.metrics === undefined
          ? undefined
          : `http://${hostOf(config.host)}:${doors.metrics.port}`,
      psql: database.psql,
      urlFile: database.urlFile,
      isEmbedded: database.isEmbedded,
      allowNetworks: database.allowNetworks,
      events,
      stop: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

/** A worker needs a session: its number is a lock of the session, and notifications arrive in it. */
function requireSession(line: ConnectionKind): void {
  if (line !== 'transaction pooler') return;
  throw new Error(
    'DATABASE_URL leads to a pooler in transaction mode, but a worker needs a direct connection to Postgres or a pooler in session mode. A pooler in transaction mode is enough for "posthorn api" and for producers',
  );
}

/** Connects to the optional Redis. It does not wait for it, because everything works without it. */
function openCache(options: {
  readonly config: Config;
  readonly log: Log;
  readonly identity: string;
  readonly undo: (() => Promise<unknown>)[];
}): LaneCache | undefined {
  const { config, log, identity, undo } = options;
  if (config.redisUrl === undefined) return undefined;
  const cache = new LaneCache({ url: config.redisUrl, log, namespace: identity });
  undo.push(async () => cache.close());
  return cache;
}

/** Lets the API, or only the health endpoints, answer at the ports. */
async function openDoors(
  { main, metrics }: Doors,
  options: {
    readonly config: Config;
    readonly log: Log;
    readonly api: boolean;
    readonly workerState: () => WorkerState | 'not here';
    readonly database: Database;
    readonly pool: DatabasePool;
    readonly scrape: () => Promise<Scrape>;
    readonly cache: LaneCache | undefined;
    readonly undo: (() => Promise<unknown>)[];
  },
): Promise<void> {
  const { config, log, database, pool, scrape, cache, undo } = options;
  const readiness = async (): Promise<Readiness> => {
    const answer = await checkDatabase(pool);
    const state = options.workerState();
    const hold = answer === 'ok' ? await readHold(pool, config.environment) : undefined;
    return {
      // An API accepts and shows webhooks even without a worker.
      ready: answer === 'ok' && (state === 'ok' || state === 'not here'),
      checks: {
        database: answer,
        worker: state,
        ...(hold === undefined ? {} : { hold: hold.reason }),
      },
    };
  };
  if (options.api) await requireKeys({ config, log, pool });
  const health = createHealth({ readiness, scrape });
  metrics?.app.handOverTo(health);
  main.app.handOverTo(
    options.api
      ? createApi({
          pool,
          keyRing: database.keyRing,
          log,
          readiness,
          scrape,
          settings: settingsInForce(config, database),
          checkEvents: config.checkEvents,
          authentication: {
            auth: config.auth,
            // The name or address that it listens on is also a name of it.
            allowedHosts: [...config.allowedHosts, config.host],
            environmentKey: config.apiKey,
            isReachable: !isLoopbackHost(config.host),
            rateLimitPerS: config.apiRateLimitPerS,
          },
          onSent: cache === undefined ? undefined : () => cache.wake(),
          // The same key in every process on this database, so that a cursor of one works at the others.
          cursorKey: createHash('sha256').update(`posthorn cursor ${database.url}`).digest(),
        })
      : health,
  );
  // From now on they use the pool, which must be ended after them.
  undo.push(async () => {
    await Promise.all([main.close(Math.min(config.graceMs, 5_000)), metrics?.close(1_000)]);
  });
}

/** Without a key, everyone who reaches the API may use it, so only this machine may reach it. */
async function requireKeys({
  config,
  log,
  pool,
}: {
  readonly config: Config;
  readonly log: Log;
  readonly pool: DatabasePool;
}): Promise<void> {
  const { auth, apiKey, host } = config;
  if (auth === 'off') {
    log.warn(
      {},
      'The API asks for no key because POSTHORN_AUTH is off: everyone who reaches it may use it',
    );
    return;
  }
  if (isLoopbackHost(host) || apiKey !== undefined || (await hasApiKeys(pool))) return;
  throw new Error(
    `HOST is ${host}, but the API has no key and must not be open to other machines. Make a key with "posthorn keys create --name NAME", or set POSTHORN_API_KEY; if a proxy in front of it authenticates its callers, set POSTHORN_AUTH=off`,
  );
}
