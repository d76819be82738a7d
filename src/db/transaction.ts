import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { codeOf } from './sqlstate.ts';

/** Runs work in a transaction of its own. */
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
    // Not back into the pool: it may be the connection that is at fault.
    client.release(error instanceof Error ? error : true);
    throw error;
  }
}

interface LockOptions {
  /**
   * The tables that will be locked, by their names in the schema posthorn. Whoever has had a lock of one of them for 100 ms,
   * such as a report or pg_dump, will most likely have it for longer: then none is asked for, and nobody waits.
   */
  readonly locked?: readonly string[];
  /** Default: 5. */
  readonly tries?: number;
}

/** How long anything waits for a lock that others may queue behind. */
export const lockMs = 100;
const mostTries = 5;

/**
 * The same, but gives up after 100 ms of waiting for a lock, and tries again for some seconds: while a partition waits
 * for its lock, everyone who comes later waits behind it. Less than deadlock_timeout, so that in a deadlock it is always
 * this one that gives way, and never a claim or a producer.
 */
export async function withLockTimeout<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
  { locked = [], tries: most = mostTries }: LockOptions = {},
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

/** Whether a transaction ended for a lock that somebody else holds. */
export function isLockFailure(error: unknown): boolean {
  return codeOf(error) === '55P03' || codeOf(error) === '40P01';
}

class LockHeld extends Error {
  /** As if it had been asked for. */
  readonly code = '55P03';

  constructor(tables: readonly string[]) {
    super(`Cannot lock ${tables.join(', ')} as a transaction that holds them must end first`);
  }
}

async function areHeld(pool: Pool, tables: readonly string[]): Promise<boolean> {
  const before = await holdersOf(pool, tables);
  if (before.length === 0) return false;
  await delay(lockMs);
  const now = new Set(await holdersOf(pool, tables));
  return before.some((transaction) => now.has(transaction));
}

/** The transactions that hold a lock of them, of any mode: what is to be had is ACCESS EXCLUSIVE. */
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
