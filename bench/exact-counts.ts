import type pg from 'pg';
import type { RoundDatabase } from '../harness/postgres.ts';

/*
 * What costs too much to be counted while rates and CPU time are measured: every statement, by pg_stat_statements, and
 * every record that the index access methods wrote to the WAL, by pg_walinspect. So they are counted in a round of their
 * own, whose times are not used. Without these extensions, or the right to use them, both are unknown.
 */

/** The server's settings for {@link ExactCounter}: there, and off until a database turns it on. */
export const countingSettings = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
  compute_query_id: 'off',
} as const;

export interface ExactCounts {
  /**
   * That clients sent, BEGIN and COMMIT included; not those in functions and triggers, and not the benchmark's own. Of
   * connections that were opened since the counter was.
   */
  readonly statements: number | undefined;
  /** WAL records of the index access methods by kind: an inserted entry is a record, a split another. */
  readonly indexRecords: Readonly<Record<string, number>> | undefined;
}

interface Mark {
  readonly lsn: string;
  readonly statements: number | undefined;
}

export class ExactCounter {
  readonly #client: pg.Client;
  readonly #countsStatements: boolean;
  readonly #readsWal: boolean;
  #mark: Mark | undefined;

  /** Turns the counting on for all connections to the database but this one, from now on. */
  static async open({ client }: RoundDatabase): Promise<ExactCounter> {
    const countsStatements = await works(client, [
      'create extension if not exists pg_stat_statements',
      'select count(*) from pg_stat_statements',
      `do $$
      begin
        execute format('alter database %I set pg_stat_statements.track = top', current_database());
        execute format('alter database %I set compute_query_id = on', current_database());
      end
      $$`,
      `set pg_stat_statements.track = 'none'`,
    ]);
    const readsWal = await works(client, [
      'set synchronous_commit = on',
      'create extension if not exists pg_walinspect',
      // As long as this connection is open, and sees no error, no checkpoint removes what is to be read.
      `select pg_create_physical_replication_slot('posthorn_bench_' || pg_backend_pid(), true, true)`,
    ]);
    return new ExactCounter(client, { countsStatements, readsWal });
  }

  private constructor(
    client: pg.Client,
    able: { readonly countsStatements: boolean; readonly readsWal: boolean },
  ) {
    this.#client = client;
    this.#countsStatements = able.countsStatements;
    this.#readsWal = able.readsWal;
  }

  /** Begins to count. */
  async begin(): Promise<void> {
    this.#mark = await this.#read();
  }

  /** What was counted since {@link begin} or the last call, and begins again. */
  async next(): Promise<ExactCounts> {
    const before = this.#mark;
    const after = await this.#read();
    this.#mark = after;
    if (before === undefined) throw new Error('Nothing was begun to be counted');
    const known = before.statements !== undefined && after.statements !== undefined;
    return {
      statements: known ? Number(after.statements) - Number(before.statements) : undefined,
      indexRecords: this.#readsWal ? await this.#indexRecords(before, after) : undefined,
    };
  }

  async #read(): Promise<Mark> {
    // Its commit flushes what others have left in the buffers: only what is flushed can be read.
    await this.#client.query(`select pg_logical_emit_message(true, 'posthorn bench', '')`);
    const { rows } = await this.#client.query<{ lsn: string }>(
      'select pg_current_wal_flush_lsn()::text as lsn',
    );
    return {
      lsn: rows[0]?.lsn ?? '',
      statements: this.#countsStatements ? await this.#statements() : undefined,
    };
  }

  async #statements(): Promise<number> {
    const { rows } = await this.#client.query<{ calls: number }>(
      `select coalesce(sum(calls), 0)::float8 as calls
       from pg_stat_statements
       where dbid = (select oid from pg_database where datname = current_database())`,
    );
    return rows[0]?.calls ?? Number.NaN;
  }

  async #indexRecords(before: Mark, after: Mark): Promise<Record<string, number>> {
    if (before.lsn === after.lsn) return {};
    const { rows } = await this.#client.query<{ kind: string; records: number }>(
      `select "resource_manager/record_type" as kind, count::float8 as records
       from pg_get_wal_stats($1, $2, true)
       where count > 0
         and split_part("resource_manager/record_type", '/', 1) in ('Btree', 'Hash', 'Gin', 'Gist', 'SPGist', 'BRIN')
       order by 1`,
      [before.lsn, after.lsn],
    );
    return Object.fromEntries(rows.map(({ kind, records }) => [kind, records]));
  }
}

async function works(client: pg.Client, statements: readonly string[]): Promise<boolean> {
  try {
    for (const statement of statements) await client.query(statement);
    return true;
  } catch {
    return false;
  }
}
