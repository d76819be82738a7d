import type { Pool, PoolClient } from 'pg';
import { graphileSchema, lockClass, scanPayload, wakeChannel } from '../db/names.ts';
import { runSql, sqlFile } from '../db/sql-file.ts';
import { inTransaction } from '../db/transaction.ts';
import type { Events } from '../events.ts';

/*
 * The rescue: frees what dead workers had leased, closes their open attempts, unlocks their Graphile jobs.
 *
 * A worker is dead when nobody holds its lock; no clock and no guess is involved (I7). Any worker rescues any other, and
 * a worker that takes a number over rescues its former holder first.
 */

const rescueSql = sqlFile('rescue');

/** Rescues every worker that died; says which numbers. */
export async function rescueDeadWorkers(pool: Pool, events: Events): Promise<number[]> {
  const { rows } = await pool.query<{ number: number }>(
    `select w.number
     from posthorn.workers as w
     where not exists (select from posthorn.live_workers as l where l.number = w.number)
     order by w.number`,
  );
  const rescued: number[] = [];
  for (const { number } of rows) {
    if (await rescueDeadWorker(pool, { number, events })) rescued.push(number);
  }
  return rescued;
}

/**
 * Rescues the former holder of a number that is ours now.
 *
 * `keep`: webhooks that this very process is sending, from before it lost its session.
 */
export async function rescueFormerHolder(
  pool: Pool,
  options: { number: number; keep: readonly string[]; events: Events },
): Promise<void> {
  await inTransaction(pool, (client) => free(client, options));
}

async function rescueDeadWorker(
  pool: Pool,
  { number, events }: { number: number; events: Events },
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    // Held until the commit: nobody can be that worker, and nobody else rescues it.
    const { rows } = await client.query<{ isFree: boolean }>(
      'select pg_try_advisory_xact_lock($1, $2) as "isFree"',
      [lockClass, number],
    );
    if (rows[0]?.isFree !== true) return false;
    await free(client, { number, keep: [], events });
    await client.query('delete from posthorn.workers where number = $1', [number]);
    return true;
  });
}

async function free(
  client: PoolClient,
  { number, keep, events }: { number: number; keep: readonly string[]; events: Events },
): Promise<void> {
  // Reads the whole queue: only after a death, so it may take its time.
  await client.query("set local statement_timeout = '10min'");
  const [row] = await runSql<{ released: number }>(client, {
    sql: rescueSql,
    values: [number, keep],
  });
  const { rows } = await client.query<{ graphile_pool: string | null }>(
    'select graphile_pool from posthorn.workers where number = $1',
    [number],
  );
  const graphilePool = rows[0]?.graphile_pool ?? null;
  if (graphilePool !== null) {
    await client.query(`select ${graphileSchema}.force_unlock_workers(array[$1])`, [graphilePool]);
  }
  await client.query('select pg_notify($1, $2)', [wakeChannel, scanPayload]);
  events.emit('rescued', { number, webhooks: row?.released ?? 0 });
}
