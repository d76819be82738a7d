import type { Pool } from 'pg';
import { graphileSchema } from '../db/names.ts';
import { withLockTimeout } from '../db/transaction.ts';

/** What a run of the pruning did. */
export interface PruneResult extends Record<string, unknown> {
  /** Days of history that were dropped, as yyyy-mm-dd. */
  readonly dropped: readonly string[];
  /** Days that are old enough and still hold unfinished webhooks. */
  readonly kept: readonly string[];
  readonly expiredKeys: number;
  /** Graphile jobs that can never run again: what a killed worker left of a job that was replacing itself. */
  readonly deadJobs: number;
}

const keysPerStatement = 10_000;

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
  for (const { day } of rows) {
    const isDropped = await withLockTimeout(pool, async (client) => {
      const result = await client.query<{ dropped: boolean }>(
        'select posthorn.drop_partitions($1::date) as dropped',
        [day],
      );
      return result.rows[0]?.dropped === true;
    });
    (isDropped ? dropped : kept).push(day);
  }
  return { dropped, kept, expiredKeys: await pruneKeys(pool), deadJobs: await pruneJobs(pool) };
}

async function pruneKeys(pool: Pool): Promise<number> {
  for (let total = 0; ; ) {
    const { rowCount } = await pool.query(
      `with expired as materialized (
         select key
         from posthorn.idempotency_keys
         where expires_at < now()
         limit $1
         for update skip locked
       )
       delete from posthorn.idempotency_keys
       where key = any (array(select key from expired))`,
      [keysPerStatement],
    );
    total += rowCount ?? 0;
    if ((rowCount ?? 0) < keysPerStatement) return total;
  }
}

/** What Graphile Worker's own cleanup calls DELETE_PERMAFAILED_JOBS. */
async function pruneJobs(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `delete from ${graphileSchema}._private_jobs where attempts = max_attempts and locked_at is null`,
  );
  return rowCount ?? 0;
}
