import type { Pool, PoolClient } from 'pg';
import { graphileSchema, lockClass, scanPayload, wakeChannel } from '../db/names.ts';
import { queryOf, sqlFile } from '../db/sql-file.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';

/*
 * The rescue: frees the webhooks that dead workers had leased, closes their open attempts, unlocks their Graphile
 * Worker jobs.
 *
 * A worker is dead when no session holds its lock; this needs no clock and no guess (I7). Any worker rescues any other,
 * and a worker that takes over a number first rescues its former holder.
 */

const rescueSql = sqlFile('rescue');
const rescueMs = 600_000;

interface RescueOptions {
  readonly number: number;
  /** Webhooks that this process is sending or recording, which need no rescue. */
  readonly keep: readonly string[];
  readonly events: Events;
  readonly log: Log;
}

/** Rescues every worker that died; returns their numbers. */
export async function rescueDeadWorkers(
  pool: Pool,
  options: Omit<RescueOptions, 'number'>,
): Promise<number[]> {
  const { rows } = await pool.query<{ number: number }>(
    `select w.number
     from posthorn.workers as w
     where not exists (select from posthorn.live_workers as l where l.number = w.number)
     order by w.number`,
  );
  const rescued: number[] = [];
  for (const { number } of rows) {
    try {
      if (await rescueDeadWorker(pool, { ...options, number })) rescued.push(number);
    } catch (error) {
      // A failure with one worker's webhooks must not delay the others'.
      options.log.warn({ worker: number, error: String(error) }, 'Cannot rescue a dead worker');
    }
  }
  return rescued;
}

/** Rescues the former holder of a number that now is ours. */
export async function rescueFormerHolder(pool: Pool, options: RescueOptions): Promise<void> {
  await inTransaction(pool, async (client) => {
    await release(client, options);
    await unlockJobs(client, options.number);
  });
}

/** Frees webhooks that this worker leased without knowing it: a claim was committed, but its answer was lost. */
export async function rescueOwn(pool: Pool, options: RescueOptions): Promise<void> {
  await inTransaction(pool, (client) => release(client, options));
}

/**
 * Signs a worker off that stops in order. It leaves nothing to rescue, and its limited lanes are free at once. A lane
 * that another session has locked keeps the number, which then belongs to no worker: the next worker that finds work in
 * the lane takes it.
 */
export async function leave(pool: Pool, number: number): Promise<void> {
  await pool.query(
    `with free as materialized (
       select lane from posthorn.lane_rules where owner = $1 for update skip locked
     ), freed as (
       update posthorn.lane_rules set owner = null where lane = any (array(select lane from free)) returning lane
     ), gone as (
       delete from posthorn.workers where number = $1
     )
     select pg_notify($2, $3) where exists (select from freed)`,
    [number, wakeChannel, scanPayload],
  );
}

async function rescueDeadWorker(pool: Pool, options: RescueOptions): Promise<boolean> {
  const { number } = options;
  return inTransaction(pool, async (client) => {
    // The lock is held until the commit: no process can become that worker, and no other one rescues it.
    const { rows } = await client.query<{ isFree: boolean }>(
      'select pg_try_advisory_xact_lock($1, $2) as "isFree"',
      [lockClass, number],
    );
    if (rows[0]?.isFree !== true) return false;
    await release(client, options);
    await unlockJobs(client, number);
    // The dead worker's recent requests are not known, so the next owner of its lanes may not use their full rates at
    // once. A lane that another session has locked keeps the number, and a worker that finds work in it takes it as the
    // lane of a missing worker.
    await client.query(
      `with free as materialized (
         select lane from posthorn.lane_rules where owner = $1 for update skip locked
       )
       update posthorn.lane_rules
       set owner = null, rate_from = now() + interval '1 second' / greatest(least(rate_limit_per_s, 10000), 0.001)
       where lane = any (array(select lane from free))`,
      [number],
    );
    // The number stays for webhooks that were kept, so that they are rescued if this process dies too, and for those
    // that could not be freed yet.
    await client.query(
      `delete from posthorn.workers
       where number = $1 and not exists (select from posthorn.queue where leased_by = $1)`,
      [number],
    );
    return true;
  });
}

async function release(
  client: PoolClient,
  { number, keep, events, log }: RescueOptions,
): Promise<void> {
  // This reads the whole queue. It happens only after a death, so it may take its time.
  await client.query(`set local statement_timeout = '${rescueMs}ms'`);
  const statement = queryOf(rescueSql, { workerNumber: number, keptIds: keep });
  const query = { ...statement, query_timeout: rescueMs };
  const { rows } = await client.query<{ released: number }>(query);
  await client.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
  const webhooks = rows[0]?.released ?? 0;
  if (webhooks > 0)
    log.warn({ worker: number, webhooks }, 'Freed the webhooks that a worker had claimed');
  events.emit('rescued', { number, webhooks });
}

async function unlockJobs(client: PoolClient, number: number): Promise<void> {
  await client.query(
    `select ${graphileSchema}.force_unlock_workers(array[graphile_pool])
     from posthorn.workers
     where number = $1 and graphile_pool is not null`,
    [number],
  );
}
