import type pg from 'pg';

/*
 * What was written to a database, exactly: a trigger on each table of Posthorn's notes every row that is inserted, updated or deleted.
 * The notes are part of the writing transaction, so what was rolled back has left none.
 */

/** When an API key was last used is no change that its owner would call one. */
const unwatchedColumn = { table: 'api_keys', column: 'last_used_at' } as const;
/** What was counted for one reader is kept for the next ones, for seconds. */
const unwatchedTable = 'stats';

const schemas = ['posthorn', 'posthorn_graphile'];

/** Begins to watch. Tables that are made later are not watched, but for partitions. */
export async function watchWrites(client: pg.Client): Promise<WriteWatch> {
  await client.query(`
    create schema posthorn_fuzz;
    create table posthorn_fuzz.writes (
      id bigint generated always as identity primary key,
      what text not null);
    create function posthorn_fuzz.note() returns trigger
      language plpgsql
      security definer
      set search_path = pg_catalog, pg_temp
      as $$
    begin
      insert into posthorn_fuzz.writes (what) values (lower(tg_op) || ' of ' || tg_table_schema || '.' || tg_table_name);
      return null;
    end
    $$;`);
  const { rows } = await client.query<{ table: string; name: string; others: string | null }>(
    `select
       c.oid::regclass::text as table,
       c.relname as name,
       (
         select string_agg(quote_ident(a.attname), ', ')
         from pg_attribute as a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> $2
       ) as others
     from pg_class as c
     where c.relnamespace = any ($1::regnamespace[]) and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> $3`,
    [schemas, unwatchedColumn.column, unwatchedTable],
  );
  for (const { table, name, others } of rows) {
    const columns = name === unwatchedColumn.table ? ` of ${others}` : '';
    await client.query(
      `create trigger zz_fuzz after insert or delete or update${columns} on ${table}
         for each row execute function posthorn_fuzz.note()`,
    );
    await client.query(
      `create trigger zz_fuzz_truncate after truncate on ${table}
         for each statement execute function posthorn_fuzz.note()`,
    );
  }
  if (rows.length === 0)
    throw new Error('Cannot watch the database as it must be migrated: it is not');
  return new WriteWatch(client);
}

export class WriteWatch {
  readonly #client: pg.Client;
  #position = 0;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /** The number of the last row that was written, as of the last look. */
  get position(): number {
    return this.#position;
  }

  /** Looks where the position is now. */
  async move(): Promise<number> {
    const { rows } = await this.#client.query<{ last: number }>({
      name: 'fuzz_position',
      text: 'select coalesce(max(id), 0)::integer as last from posthorn_fuzz.writes',
    });
    this.#position = rows[0]?.last ?? 0;
    return this.#position;
  }

  /** What was written after a position, as in "2 × insert of posthorn.outbox". */
  async since(position: number): Promise<string> {
    const { rows } = await this.#client.query<{ text: string | null }>(
      `select string_agg(count || ' × ' || what, ', ' order by what) as text
       from (select what, count(*) from posthorn_fuzz.writes where id > $1 group by what) as writes`,
      [position],
    );
    return rows[0]?.text ?? 'nothing';
  }
}
