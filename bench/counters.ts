import type pg from 'pg';

/*
 * What Postgres counts. Backends publish their counts when they end or have been idle for a while, so that the numbers
 * are read when the workers are gone.
 */

/** Row versions written to a table with all its partitions. */
export interface TableCounts {
  readonly inserts: number;
  readonly updates: number;
  /** Of the updates: those that touched no index. */
  readonly hotUpdates: number;
  readonly deletes: number;
}

export interface PostgresCounts {
  readonly walBytes: number;
  /** Pages written to the WAL as a whole, 8 KB each: the first change of a page after a checkpoint. */
  readonly fullPageImages: number;
  /** A statement outside of a transaction block is one. */
  readonly transactions: number;
  /** By `schema.table`, partitions added up. */
  readonly tables: Readonly<Record<string, TableCounts>>;
}

/** Reads all counts in two transactions of its own. */
export async function readCounts(client: pg.Client): Promise<PostgresCounts> {
  await client.query('select pg_stat_force_next_flush()');
  const { rows } = await client.query<{ counts: PostgresCounts }>(countsSql);
  const counts = rows[0]?.counts;
  if (counts === undefined) throw new Error('Postgres returned no counts');
  return counts;
}

/** How many transactions one {@link readCounts} adds before it reads. */
export const readingCosts = 2;

export function countsBetween(before: PostgresCounts, after: PostgresCounts): PostgresCounts {
  return {
    walBytes: after.walBytes - before.walBytes,
    fullPageImages: after.fullPageImages - before.fullPageImages,
    transactions: after.transactions - before.transactions,
    tables: Object.fromEntries(
      Object.entries(after.tables).map(([name, table]) => {
        const earlier = before.tables[name];
        return [
          name,
          {
            inserts: table.inserts - (earlier?.inserts ?? 0),
            updates: table.updates - (earlier?.updates ?? 0),
            hotUpdates: table.hotUpdates - (earlier?.hotUpdates ?? 0),
            deletes: table.deletes - (earlier?.deletes ?? 0),
          },
        ];
      }),
    ),
  };
}

/** Bytes of WAL so far. Exact at any time, unlike what backends publish. */
export async function readWal(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(`select ${walBytes} as bytes`);
  return Number(rows[0]?.bytes);
}

/** Bytes on disk by table with partitions, indexes and TOAST. */
export async function readSizes(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `select ${parentName} as name, sum(pg_total_relation_size(relid)) as bytes
     from pg_stat_user_tables
     where schemaname = 'posthorn'
     group by 1`,
  );
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, Number(bytes)]));
}

/** Bytes on disk of all tables, with indexes and TOAST. */
export async function readSize(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    'select coalesce(sum(pg_total_relation_size(relid)), 0) as bytes from pg_stat_user_tables',
  );
  return Number(rows[0]?.bytes);
}

const parentName = `schemaname || '.' || regexp_replace(relname, '_(\\d{8}|default)$', '')`;

const walBytes = `pg_current_wal_insert_lsn() - '0/0'::pg_lsn`;

const countsSql = `
  select json_build_object(
    'walBytes', ${walBytes},
    'fullPageImages', (select wal_fpi from pg_stat_wal),
    'transactions', (select xact_commit from pg_stat_database where datname = current_database()),
    'tables', (
      select json_object_agg(name, counts)
      from (
        select
          ${parentName} as name,
          json_build_object(
            'inserts', sum(n_tup_ins),
            'updates', sum(n_tup_upd),
            'hotUpdates', sum(n_tup_hot_upd),
            'deletes', sum(n_tup_del)) as counts
        from pg_stat_user_tables
        group by 1
      ) as tables
    )
  ) as counts`;

/** A point in time: webhooks that are inserted after it have a greater id and are not due before it. */
export interface Mark {
  readonly id: string;
  readonly at: Date;
}

export async function readMark(client: pg.Client): Promise<Mark> {
  const { rows } = await client.query<Mark>(
    'select posthorn.uuid_floor(at) as id, at from clock_timestamp() as at',
  );
  const [mark] = rows;
  if (mark === undefined) throw new Error('Postgres returned no time');
  return mark;
}

/** Before everything. */
const beginning: Mark = { id: '00000000-0000-0000-0000-000000000000', at: new Date(0) };

/** What the tables must hold when all is delivered. */
export interface Standing {
  readonly queued: number;
  readonly outcomes: number;
  readonly delivered: number;
  readonly attempts: number;
  readonly openAttempts: number;
}

/** Of all webhooks, or of those since a mark. */
export async function readStanding(client: pg.Client, since: Mark = beginning): Promise<Standing> {
  const { rows } = await client.query<{ standing: Standing }>(
    `select json_build_object(
       'queued', (select count(*) from posthorn.queue where webhook_id >= $1),
       'outcomes', (select count(*) from posthorn.outcomes where webhook_id >= $1),
       'delivered', (select count(*) from posthorn.outcomes where status = 'delivered' and webhook_id >= $1),
       'attempts', (select count(*) from posthorn.attempts where webhook_id >= $1),
       'openAttempts', (select count(*) from posthorn.attempts where finished_at is null and webhook_id >= $1)
     ) as standing`,
    [since.id],
  );
  const standing = rows[0]?.standing;
  if (standing === undefined) throw new Error('Postgres returned no standing');
  return standing;
}

/**
 * Whether nothing that has become due since the mark is left to be done. Over an index whose dead entries Postgres skips,
 * so that asking is cheap.
 */
export async function isQueueEmpty(client: pg.Client, since: Mark): Promise<boolean> {
  const { rows } = await client.query(
    `select
     from posthorn.queue
     where priority > -1
       and due_at >= $1
       and due_at <= clock_timestamp()
     order by due_at
     limit 1`,
    [since.at],
  );
  return rows.length === 0;
}
