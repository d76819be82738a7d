import type { Pool } from 'pg';

/** At most this many are deleted at once, so that no transaction is long. */
export const rowsPerStatement = 10_000;

/** Runs a statement that deletes rows that ended more than $1 ms ago. */
export async function deleteOlder(
  pool: Pool,
  retentionMs: number,
  statement: string,
): Promise<number> {
  const { rowCount } = await pool.query(statement, [retentionMs]);
  return rowCount ?? 0;
}

/** Runs a statement that deletes at most $1 rows, until no more are left. */
export async function deleteAll(pool: Pool, statement: string): Promise<number> {
  for (let total = 0; ; ) {
    const { rowCount } = await pool.query(statement, [rowsPerStatement]);
    total += rowCount ?? 0;
    if ((rowCount ?? 0) < rowsPerStatement) return total;
  }
}
