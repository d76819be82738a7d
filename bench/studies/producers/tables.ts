import type { RoundDatabase } from '../../../harness/postgres.ts';

/** What the producers insert into, and who is there to hear of it. The same statement, the same columns. */
export interface Subject {
  readonly name: string;
  readonly table: string;
  readonly audience: 'nobody' | 'session' | 'worker';
}

/**
 * - plain: the columns, their defaults and the primary key, as a first outbox of one's own may be
 * - bare: posthorn.outbox with its CHECKs and partitions, without trigger and queue
 * - posthorn: posthorn.outbox, while nobody listens, a session listens and hears every wake-up, or a worker delivers
 */
export const subjects = {
  plain: { name: 'plain', table: 'bench.plain', audience: 'nobody' },
  bare: { name: 'bare', table: 'bench.bare', audience: 'nobody' },
  posthorn: { name: 'Posthorn', table: 'posthorn.outbox', audience: 'nobody' },
  heard: { name: 'Posthorn + listener', table: 'posthorn.outbox', audience: 'session' },
  worked: { name: 'Posthorn + worker', table: 'posthorn.outbox', audience: 'worker' },
} as const satisfies Readonly<Record<string, Subject>>;

export type SubjectName = keyof typeof subjects;

/** Makes the tables to compare with, in a schema of their own. */
export async function makeTables({ client }: RoundDatabase): Promise<void> {
  await client.query('create schema bench');
  await client.query('create table bench.plain (like posthorn.outbox including defaults)');
  await client.query('alter table bench.plain add primary key (id)');
  await client.query(
    'create table bench.bare (like posthorn.outbox including all) partition by range (id)',
  );
  // The same days. LIKE copies no trigger.
  await client.query(`
    do $do$
    declare
      partition record;
    begin
      for partition in
        select c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bounds
        from pg_inherits as i
        join pg_class as c on c.oid = i.inhrelid
        where i.inhparent = 'posthorn.outbox'::regclass
      loop
        execute format(
          'create table bench.%I partition of bench.bare %s',
          replace(partition.name, 'outbox', 'bare'),
          partition.bounds);
      end loop;
    end
    $do$`);
}

/** Nobody finds the rows of another. */
export async function emptyTables({ client }: RoundDatabase): Promise<void> {
  await client.query(
    'truncate bench.plain, bench.bare, posthorn.outbox, posthorn.queue, posthorn.attempts, posthorn.outcomes',
  );
  await client.query('checkpoint');
}

/** Rows of the table, and of those the webhooks that Posthorn knows of: to be sent, or sent. */
export async function countRows(
  { client }: RoundDatabase,
  table: string,
): Promise<{ rows: number; known: number }> {
  const { rows } = await client.query<{ rows: number; known: number }>(`
    select
      (select count(*) from ${table})::integer as rows,
      ((select count(*) from posthorn.queue) + (select count(*) from posthorn.outcomes))::integer as known`);
  const [counts] = rows;
  if (counts === undefined) throw new Error('Postgres returned no counts');
  return counts;
}
