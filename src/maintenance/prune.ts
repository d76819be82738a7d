import type { Pool } from 'pg';
import { graphileSchema, partitioned, partitionOf } from '../db/names.ts';
import { isLockFailure, withLockTimeout } from '../db/transaction.ts';

/** What a run of the pruning did. */
export interface PruneResult extends Record<string, unknown> {
  /** Days of history that were dropped, as yyyy-mm-dd. */
  readonly dropped: readonly string[];
  /** Days that are old enough and still hold unfinished webhooks. */
  readonly kept: readonly string[];
  /** Days that somebody's long transaction keeps locked: nobody waits for it, and the next run tries again. */
  readonly postponed: readonly string[];
  /** Breakers of lanes that have nothing waiting and have not been sent to for a day. */
  readonly forgottenBreakers: number;
  readonly expiredKeys: number;
  /** Deleted endpoints whose webhooks have all been dropped. */
  readonly forgottenEndpoints: number;
  /** Alerts that have been over for as long as history is kept. */
  readonly forgottenAlerts: number;
  /** Replays that ended as long ago as history is kept, and how webhooks had ended that are dropped now. */
  readonly forgottenReplays: number;
  readonly forgottenOutcomes: number;
  /** Graphile jobs that can never run again: what a killed worker left of a job that was replacing itself. */
  readonly deadJobs: number;
}

const rowsPerStatement = 10_000;

/**
 * Drops the days whose webhooks are all older than the retention and have all ended, and forgets expired idempotency
 * keys. An unfinished webhook is never touched: its day stays until it has ended.
 */
export async function prune(
  pool: Pool,
  { retentionMs }: { retentionMs: number },
): Promise<PruneResult> {
  const { rows } = await pool.query<{ day: string }>(
    `select day::text
     from posthorn.partition_days() as day
     where (day + 1)::timestamp at time zone 'UTC' <= now() - $1::float8 * interval '1 millisecond'
     order by day`,
    [retentionMs],
  );
  const dropped: string[] = [];
  const kept: string[] = [];
  const postponed: string[] = [];
  for (const { day } of rows) {
    // Who keeps one day locked most likely keeps all of them.
    const end = await dropDay(pool, day, { tries: postponed.length === 0 ? undefined : 1 });
    ({ dropped, kept, postponed })[end].push(day);
  }
  return {
    dropped,
    kept,
    postponed,
    forgottenBreakers: await pruneBreakers(pool),
    expiredKeys: await pruneKeys(pool),
    forgottenEndpoints: await pruneEndpoints(pool, retentionMs),
    forgottenAlerts: await pruneAlerts(pool, retentionMs),
    forgottenReplays: await pruneReplays(pool, retentionMs),
    forgottenOutcomes: await pruneFormerOutcomes(pool),
    deadJobs: await pruneJobs(pool),
  };
}

/** Kept for as long as the history may name them. A day more, as history is dropped by days. */
function pruneEndpoints(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.endpoints as e
     where e.status = 'deleted'
       and e.status_since < now() - $1::float8 * interval '1 millisecond' - interval '1 day'
       and not exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = e.lane)`,
  );
}

async function pruneAlerts(pool: Pool, retentionMs: number): Promise<number> {
  await pool.query(`delete from posthorn.tallies where counted_at < now() - interval '2 hours'`);
  return await deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.alerts where resolved_at < now() - $1::float8 * interval '1 millisecond'`,
  );
}

function pruneKeys(pool: Pool): Promise<number> {
  return deleteAll(
    pool,
    `with expired as materialized (
       select key
       from posthorn.idempotency_keys
       where expires_at < now()
       limit $1
       for update skip locked
     )
     delete from posthorn.idempotency_keys
     where key = any (array(select key from expired))`,
  );
}

function pruneReplays(pool: Pool, retentionMs: number): Promise<number> {
  return deleteOlder(
    pool,
    retentionMs,
    `delete from posthorn.replays where finished_at < now() - $1::float8 * interval '1 millisecond'`,
  );
}

/** Not partitioned, as there are few: those of days that have been dropped. */
function pruneFormerOutcomes(pool: Pool): Promise<number> {
  return deleteAll(
    pool,
    `with dropped as materialized (
       select webhook_id
       from posthorn.former_outcomes
       where webhook_id < (
         select posthorn.uuid_floor(min(day)::timestamp at time zone 'UTC')
         from posthorn.partition_days() as day)
       order by webhook_id
       limit $1
     )
     delete from posthorn.former_outcomes
     where webhook_id = any (array(select webhook_id from dropped))`,
  );
}

/** Runs a statement that deletes what ended more than $1 ms ago. */
async function deleteOlder(pool: Pool, retentionMs: number, statement: string): Promise<number> {
  const { rowCount } = await pool.query(statement, [retentionMs]);
  return rowCount ?? 0;
}

/** Runs a statement that deletes $1 rows at most until there are no more. */
async function deleteAll(pool: Pool, statement: string): Promise<number> {
  for (let total = 0; ; ) {
    const { rowCount } = await pool.query(statement, [rowsPerStatement]);
    total += rowCount ?? 0;
    if ((rowCount ?? 0) < rowsPerStatement) return total;
  }
}

/** What Graphile Worker's own cleanup calls DELETE_PERMAFAILED_JOBS. */
async function pruneJobs(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from ${graphileSchema}._private_jobs where attempts = max_attempts and locked_at is null`,
  );
  return rowCount ?? 0;
}

async function dropDay(
  pool: Pool,
  day: string,
  { tries }: { tries: number | undefined },
): Promise<'dropped' | 'kept' | 'postponed'> {
  try {
    return await withLockTimeout(
      pool,
      async (client) => {
        const { rows } = await client.query<{ dropped: boolean }>(
          'select posthorn.drop_partitions($1::date) as dropped',
          [day],
        );
        return rows[0]?.dropped === true ? 'dropped' : 'kept';
      },
      {
        locked: partitioned.flatMap((table) => [table, partitionOf(table, day)]),
        ...(tries === undefined ? {} : { tries }),
      },
    );
  } catch (error) {
    if (isLockFailure(error)) return 'postponed';
    throw error;
  }
}

async function pruneBreakers(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `with idle as materialized (
       select b.lane
       from posthorn.breakers as b
       where greatest(b.failing_since, b.last_failure_at, b.paused_until) < now() - interval '1 day'
         and not exists (select from posthorn.queue as q where q.priority < 1000 and q.lane = b.lane)
       order by b.lane
       for update
     )
     delete from posthorn.breakers
     where lane = any (array(select lane from idle))`,
  );
  return rowCount ?? 0;
}
