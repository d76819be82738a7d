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

const lockMs = 200;
const mostTries = 5;

/**
 * The same, but gives up after 200 ms of waiting for a lock, and tries again for some seconds: while a partition waits
 * for its lock, everyone who comes later waits behind it. Less than deadlock_timeout, so that in a deadlock it is always
 * this one that gives way, and never a claim or a producer.
 */
export async function withLockTimeout<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await inTransaction(pool, async (client) => {
        await client.query(`set local lock_timeout = '${lockMs}ms'`);
        return work(client);
      });
    } catch (error) {
      if (!isLockFailure(error) || tries >= mostTries) throw error;
      await delay(500 + Math.random() * 1_000);
    }
  }
}

/** Whether a transaction ended for a lock that somebody else holds. */
export function isLockFailure(error: unknown): boolean {
  return codeOf(error) === '55P03' || codeOf(error) === '40P01';
}
