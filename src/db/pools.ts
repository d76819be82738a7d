import pg from 'pg';
import type { Log } from '../log.ts';
import { connectionConfig } from './connection-url.ts';
import { pinStatement } from './session-settings.ts';

/** The server cancels a hot statement after 20 s; if one takes longer, its connection is dead. */
const engineQueryMs = 25_000;
const maintenanceQueryMs = 60_000;

interface PoolOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  /** The maximum number of connections. */
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** How long a statement waits for a lock, ms. Not behind a pooler in transaction mode. */
  readonly lockTimeoutMs?: number;
  /** The role to act as; default: the role that logs in. */
  readonly role?: string | undefined;
  /** Behind a pooler in transaction mode: other clients share the sessions, so nothing is set in them. */
  readonly isShared?: boolean;
}

/**
 * The pool of the hot statements: claim, record and similar ones.
 *
 * The planner settings keep the plans on the indexes: with a large share of the queue pending, `analyze` made it prefer
 * hash joins and sequential scans (a claim took 21.6 ms instead of 10.4). With these settings, generic plans are as
 * good as custom ones. Without plan_cache_mode, Postgres planned each claim again when the backlog was large, which
 * took five times as long as running it. Other pools keep the defaults.
 */
export function createEnginePool(options: PoolOptions): pg.Pool {
  return createPool(
    { ...options, queryMs: engineQueryMs },
    {
      enable_seqscan: 'off',
      enable_hashjoin: 'off',
      enable_mergejoin: 'off',
      jit: 'off',
      plan_cache_mode: 'force_generic_plan',
      statement_timeout: '20s',
      lock_timeout: '10s',
    },
  );
}

/** The pool for rare work that may be slow: rescue, partitions, pruning, Graphile Worker's own statements. */
export function createMaintenancePool(options: PoolOptions): pg.Pool {
  return createPool(
    { ...options, queryMs: maintenanceQueryMs },
    options.isShared === true
      ? undefined
      : {
          jit: 'off',
          lock_timeout: `${options.lockTimeoutMs ?? 10_000}ms`,
          statement_timeout: `${maintenanceQueryMs}ms`,
        },
  );
}

/** The clients of a pool that are checked out. */
const heldOf = new WeakMap<pg.Pool, Set<pg.PoolClient>>();

/**
 * Drops all connections of a pool, so that new ones are opened. Used when they are probably dead, as after a failover:
 * otherwise each would be detected only by a statement that runs into its timeout. Statements under way fail as with a
 * lost connection.
 */
export function retireConnections(pool: pg.Pool): void {
  for (const client of heldOf.get(pool) ?? []) {
    if (client instanceof pg.Client) client.end().catch(() => {});
  }
  // An idle connection leaves the pool only by being taken out and not given back.
  for (let idle = pool.idleCount; idle > 0; idle -= 1) {
    pool.connect().then(
      (client) => client.release(true),
      () => {},
    );
  }
}

function createPool(
  { databaseUrl, log, max, applicationName, role, queryMs }: PoolOptions & { queryMs: number },
  settings: Readonly<Record<string, string>> | undefined,
): pg.Pool {
  const statements = settings === undefined ? [] : [pinStatement({ more: settings })];
  if (role !== undefined) statements.push(`set role ${pg.escapeIdentifier(role)}`);
  const pool = new pg.Pool({
    ...connectionConfig(databaseUrl),
    max,
    application_name: applicationName,
    // Not as "options" of the connection: PgBouncer before 1.20 refuses them, or drops them if it is configured to.
    onConnect: async (client) => {
      if (statements.length > 0) await client.query(statements.join('; '));
    },
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    query_timeout: queryMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
  });
  // Without a listener, a lost idle connection would end the process. The next query takes another one.
  pool.on('error', (error) => {
    if (!pool.ending) log.warn({ error: error.message }, 'A database connection was lost');
  });
  pool.on('connect', (client) => client.on('error', () => {}));
  const held = new Set<pg.PoolClient>();
  heldOf.set(pool, held);
  pool.on('acquire', (client) => held.add(client));
  pool.on('release', (_error, client) => held.delete(client));
  return pool;
}
