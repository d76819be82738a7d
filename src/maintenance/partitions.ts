import type { Pool } from 'pg';
import { withLockTimeout } from '../db/transaction.ts';

/** Days ahead for which there is a partition. The default partitions take what comes when nobody makes any. */
const daysAhead = 3;

/** Makes the partitions of yesterday to three days ahead where they are missing; says how many it made. */
export async function makePartitions(pool: Pool): Promise<number> {
  let made = 0;
  for (let ahead = -1; ahead <= daysAhead; ahead += 1) {
    made += await withLockTimeout(pool, async (client) => {
      const { rows } = await client.query<{ made: number }>(
        `select posthorn.make_partitions((now() at time zone 'UTC')::date + $1::integer) as made`,
        [ahead],
      );
      return rows[0]?.made ?? 0;
    });
  }
  return made;
}
