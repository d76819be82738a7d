import type pg from 'pg';

/**
 * How often the WAL was flushed since the server started, by all that have published their counts. Postgres 18 counts it
 * in pg_stat_io, the ones before in pg_stat_wal. Undefined where the server is asked not to count.
 */
export async function readFlushes(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  const sql =
    (rows[0]?.version ?? 0) >= 180_000
      ? `select coalesce(sum(fsyncs), 0) as flushes from pg_stat_io where object = 'wal'`
      : 'select wal_sync as flushes from pg_stat_wal';
  const counted = await client.query<{ flushes: string }>(sql);
  const flushes = Number(counted.rows[0]?.flushes);
  return flushes > 0 ? flushes : undefined;
}
