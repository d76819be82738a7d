import type { DatabasePool } from 'slonik';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AttemptFollower } from '../../src/queries/follow-attempts.ts';
import { createQueryPool } from '../../src/queries/pool.ts';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);
let pool: DatabasePool;

beforeAll(async () => {
  pool = await createQueryPool({ databaseUrl: database.url, maximumPoolSize: 2 });
});

afterAll(() => pool.end());

/** An attempt that ended so many seconds ago, by the number that it gets. */
async function ended(number: number, { agoS }: { agoS: number }): Promise<void> {
  await database.pool.query(
    `insert into posthorn.attempts (webhook_id, number, worker, finished_at, duration_ms, status_code)
     values (posthorn.uuid_v7(), $1, 1, now() - $2 * interval '1 second', 5, 200)`,
    [number, agoS],
  );
}

it('shows the latest at first, then what is new, and nothing older', async () => {
  await database.pool.query('select posthorn.make_partitions(current_date)');
  await ended(1, { agoS: 51 });
  await ended(2, { agoS: 20 });
  await ended(3, { agoS: 3 });
  const follower = new AttemptFollower(pool);
  const look = async () => {
    const attempts = await follower.look({ firstMs: 10_000 });
    return attempts.map(({ number }) => number);
  };
  expect(await look()).toEqual([3]);
  expect(await look()).toEqual([]);
  await ended(4, { agoS: 0 });
  // It was being written when the look before came.
  await ended(5, { agoS: 15 });
  expect(await look()).toEqual([5, 4]);
  expect(await look()).toEqual([]);
});
