import type pg from 'pg';
import { queryOf, runSql, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import type { TestDatabase } from './database.ts';

// Rows that a test plants in the tables, as no producer and no worker would leave them together.

export type Columns = Readonly<Record<string, unknown>>;

/** A time so many seconds from now. */
export const inS = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

/** An id of its own for each number, in their order; of a day without a partition. */
export const idOf = (n: number): string => `0199c0de-0000-7000-8000-${String(n).padStart(12, '0')}`;

/** Inserts rows; columns that are left out get their defaults. */
export async function plant(
  { pool }: Pick<TestDatabase, 'pool'>,
  table: string,
  rows: readonly Columns[],
): Promise<void> {
  for (const row of rows) {
    const names = Object.keys(row);
    await pool.query(
      `insert into posthorn.${table} (${names.join(', ')})
       values (${names.map((_, at) => `$${at + 1}`).join(', ')})`,
      Object.values(row),
    );
  }
}

/** Webhooks in the queue, without what their producers said: due for a second, of lane 1 and normal, unless a row says otherwise. */
export async function plantQueue(
  database: Pick<TestDatabase, 'pool'>,
  rows: readonly Columns[],
): Promise<void> {
  await plant(
    database,
    'queue',
    rows.map(({ n, ...row }) => ({
      ...(n === undefined ? {} : { webhook_id: idOf(n as number), outbox_id: idOf(n as number) }),
      ...{ lane: 1, priority: 1, due_at: inS(-1) },
      ...row,
    })),
  );
}

/** Deletes all rows that tests plant. Of few rows this takes milliseconds; {@link TestDatabase.empty} a third of a second. */
export async function clear({ pool }: Pick<TestDatabase, 'pool'>): Promise<void> {
  await pool.query(
    ['queue', 'outbox', 'attempts', 'outcomes', 'former_outcomes', 'brought_forward', 'replays']
      .concat(['idempotency_keys', 'endpoints', 'lane_rules', 'breakers', 'alerts', 'tallies'])
      .concat(['unmatched_events', 'fan_outs', 'tenants'])
      .map((table) => `delete from posthorn.${table}`)
      .join(';'),
  );
}

/** Runs sql/<name>.sql. */
export function runFile<Row extends pg.QueryResultRow>(
  { pool }: Pick<TestDatabase, 'pool'>,
  name: string,
  values: SqlValues,
): Promise<Row[]> {
  return runSql<Row>(pool, sqlFile(name), values);
}

/** Prepares sql/<name>.sql; what executes it with these values, which are SQL. */
export async function prepareFile(
  client: pg.ClientBase,
  { name, as }: { readonly name: string; readonly as: string },
  values: Readonly<Record<string, string>>,
): Promise<string> {
  const query = queryOf(sqlFile(name), values);
  await client.query(`prepare ${as} as ${query.text}`);
  return `execute ${as}${query.values?.length === 0 ? '' : `(${query.values?.join(', ')})`}`;
}

/** All rows that a statement gives. */
export async function ask<Row extends object = Record<string, unknown>>(
  { pool }: Pick<TestDatabase, 'pool'>,
  statement: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return (await pool.query<Row & pg.QueryResultRow>(statement, [...values])).rows;
}

/** The key of the origin of a URL. */
export async function originOf(
  database: Pick<TestDatabase, 'pool'>,
  url: string | null,
): Promise<string | null> {
  const [row] = await ask<{ origin: string | null }>(
    database,
    'select posthorn.origin_of($1) as origin',
    [url],
  );
  return row?.origin ?? null;
}

/** Does the work while somebody else is in a transaction that has run the statement, and rolls that back. Fails if the work waits for it. */
export async function whileHeld<Result>(
  { pool }: Pick<TestDatabase, 'pool'>,
  statement: string,
  work: (pool: pg.Pool) => Promise<Result>,
): Promise<Result> {
  const holder = await pool.connect();
  const worker = await pool.connect();
  try {
    await holder.query('begin');
    await holder.query(statement);
    await worker.query(`set lock_timeout = '2s'`);
    return await work(worker as unknown as pg.Pool);
  } finally {
    await holder.query('rollback');
    holder.release();
    worker.release(true);
  }
}

/** What became of work that was begun while somebody was in a transaction, which has ended since. */
export interface BesideTransaction<Result> {
  /** It waited for a lock of the transaction. */
  readonly waited: boolean;
  readonly result: Result;
}

/** Begins the work while somebody is in a transaction that has run the statement; ends that when the work is done or waits for it. */
export async function besideTransaction<Result>(
  { pool }: Pick<TestDatabase, 'pool'>,
  held: {
    readonly statement: string;
    readonly values?: readonly unknown[];
    readonly end?: 'commit';
  },
  work: () => Promise<Result>,
): Promise<BesideTransaction<Result>> {
  const holder = await pool.connect();
  try {
    await holder.query('begin');
    await holder.query(held.statement, [...(held.values ?? [])]);
    const working = work();
    const first = await Promise.race([working.then(() => 'done'), untilSomebodyWaits(pool)]);
    await holder.query(held.end ?? 'rollback');
    return { waited: first === 'waits', result: await working };
  } finally {
    holder.release(true);
  }
}

/** Waits until somebody waits for a lock in this database. */
async function untilSomebodyWaits(pool: pg.Pool): Promise<'waits' | 'no one'> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const { rowCount } = await pool.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and pid <> pg_backend_pid()`,
    );
    if (rowCount !== 0) return 'waits';
  }
  return 'no one';
}
