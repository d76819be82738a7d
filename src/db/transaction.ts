import type { Pool, PoolClient } from 'pg';

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
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/**
 * The same, but gives up after 2 s of waiting for a lock: while a partition waits for its lock, everyone who comes later
 * waits behind it. The next scheduled run tries again.
 */
export async function withLockTimeout<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  return inTransaction(pool, async (client) => {
    await client.query("set local lock_timeout = '2s'");
    return work(client);
  });
}
