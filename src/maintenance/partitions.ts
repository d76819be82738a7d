import type { Pool } from 'pg';
import { partitioned } from '../db/names.ts';
import { withLockTimeout } from '../db/transaction.ts';

/** Days ahead for which there is a partition. The default partitions take what comes when nobody makes any. */
const daysAhead = 3;

/**
 * Makes the partitions of yesterday to three days ahead, and of all days that have rows in the default partitions, where
 * they are missing; says how many it made.
 */
export async function makePartitions(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ day: string }>(
    `select day::text
     from (
       select (now() at time zone 'UTC')::date + ahead as day from generate_series(-1, $1::integer) as ahead
       union
       select day from posthorn.days_without_partition() as day
     ) as days
     -- Not by to_regclass(): what it did not find a session remembers, and would not see that another made it meanwhile.
     where (
       select count(*)
       from pg_class
       where relnamespace = 'posthorn'::regnamespace
         and relname in (select parent || to_char(day, '_YYYYMMDD') from unnest($2::text[]) as parent)
     ) < cardinality($2::text[])
     order by day`,
    [daysAhead, partitioned],
  );
  let made = 0;
  for (const { day } of rows) {
    made += await withLockTimeout(
      pool,
      async (client) => {
        const result = await client.query<{ made: number }>(
          'select posthorn.make_partitions($1::date) as made',
          [day],
        );
        return result.rows[0]?.made ?? 0;
      },
      // ATTACH locks the default partition, which every reader of the parent has.
      { locked: partitioned.map((table) => `${table}_default`) },
    );
  }
  return made;
}
