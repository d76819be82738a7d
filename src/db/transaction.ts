import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { codeOf } from './sqlstate.ts';

/** Runs work in its own transaction. */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    // Not returned to the pool, because the connection itself may be at fault.
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

interface LockOptions {
  /**
   * The tables that will be locked, by their names in the schema posthorn. A session that has held a lock on one of
   * them for 100 ms, such as a report or pg_dump, will probably hold it for longer: then no lock is requested, and
   * nothing queues behind it.
   */
  readonly locked?: readonly string[];
  /** Default: 5. */
  readonly tries?: number;
}

/** How long to wait for a lock that others may queue behind. */
export const lockMs = 100;
const maxTries = 5;

/**
 * The same, but gives up after waiting 100 ms for a lock, and tries again for some seconds: while one session waits for
 * the lock of a partition, all later ones wait behind it. 100 ms is less than deadlock_timeout, so that in a deadlock
 * this side always gives way, and never a claim or a producer.
 */
export async function withLockTimeout<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
  { locked = [], tries: most = maxTries }: LockOptions = {},
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      if (await areHeld(pool, locked)) throw new LockHeld(locked);
      return await inTransaction(pool, async (client) => {
        await client.query(`set local lock_timeout = '${lockMs}ms'`);
        return work(client);
      });
    } catch (error) {
      if (!isLockFailure(error) || tries >= most) throw error;
      await delay(500 + Math.random() * 1_000);
    }
  }
}

/** Whether a transaction failed because of a lock that another session holds. */
export function isLockFailure(error: unknown): boolean {
  return codeOf(error) === '55P03' || codeOf(error) === '40P01';
}

class LockHeld extends Error {
  /** The code that Postgres gives when a lock is not available. */
  readonly code = '55P03';

  constructor(tables: readonly string[]) {
    super(`Cannot lock ${tables.join(', ')} because another transaction holds them`);
  }
}

async function areHeld(pool: Pool, tables: readonly string[]): Promise<boolean> {
  const before = await holdersOf(pool, tables);
  if (before.length === 0) return false;
  await delay(lockMs);
  const now = new Set(await holdersOf(pool, tables));
  return before.some((transaction) => now.has(transaction));
}

/** The transactions that hold a lock on these tables, in any mode, because all modes conflict with ACCESS EXCLUSIVE. */
async function holdersOf(pool: Pool, tables: readonly string[]): Promise<string[]> {
  if (tables.length === 0) return [];
  const { rows } = await pool.query<{ transaction: string }>(
    `select distinct virtualtransaction as transaction
     from pg_locks
     where locktype = 'relation'
       and granted
       and database = (select oid from pg_database where datname = current_database())
       and relation in (select to_regclass('posthorn.' || name) from unnest($1::text[]) as name)`,
    [tables],
  );
  return rows.map(({ transaction }) => transaction);
}
