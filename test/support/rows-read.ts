import { type DatabasePool, type DatabaseTransactionConnection, sql } from 'slonik';
import { z } from 'zod';

const counters = sql.type(
  z.object({
    sequential: z.coerce.number(),
    by_index: z.coerce.number(),
    fetched: z.coerce.number(),
  }),
)`
  select
    (select sum(seq_tup_read) from pg_stat_xact_user_tables where schemaname = 'posthorn')::text
      as sequential,
    (select sum(pg_stat_get_xact_tuples_returned(indexrelid))
      from pg_stat_user_indexes where schemaname = 'posthorn')::text as by_index,
    (select sum(idx_tup_fetch) from pg_stat_xact_user_tables where schemaname = 'posthorn')::text
      as fetched`;

/** How many rows Postgres read for the work, and how many of those in an index it fetched from their table. Within a transaction its counters are exact. */
export async function rowsRead(
  pool: DatabasePool,
  work: (connection: DatabaseTransactionConnection) => Promise<unknown>,
): Promise<{ readonly sequential: number; readonly byIndex: number; readonly fetched: number }> {
  return await pool.transaction(async (transaction) => {
    const before = await transaction.one(counters);
    await work(transaction);
    const after = await transaction.one(counters);
    return {
      sequential: after.sequential - before.sequential,
      byIndex: after.by_index - before.by_index,
      fetched: after.fetched - before.fetched,
    };
  });
}
