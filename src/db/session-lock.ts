import type { Pool, PoolClient } from 'pg';

/**
 * Runs work while its session holds an advisory lock; undefined if another session has it. The lock is the session's
 * and not a transaction's, so that the work may take many transactions, and the lock is free as soon as this process is
 * gone.
 *
 * The connection goes back into the pool only after it has released the lock: an idle connection with the lock would
 * keep all others out.
 */
export async function withSessionLock<Result>(
  pool: Pool,
  [first, second]: readonly [first: number, second: number],
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result | undefined> {
  const client = await pool.connect();
  try {
    const { rows: taken } = await client.query<{ isOurs: boolean }>(
      'select pg_try_advisory_lock($1::integer, $2::integer) as "isOurs"',
      [first, second],
    );
    if (taken[0]?.isOurs !== true) {
      client.release();
      return undefined;
    }
    const result = await work(client);
    const { rows: freed } = await client.query<{ isFree: boolean }>(
      'select pg_advisory_unlock($1::integer, $2::integer) as "isFree"',
      [first, second],
    );
    client.release(freed[0]?.isFree !== true);
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
