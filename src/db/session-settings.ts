import pg from 'pg';

/*
 * Settings that a role or a database may have set to anything, and on which our statements and what reads their results rely.
 * Every session of ours sets them. In a session that others use as well, behind a pooler, they are set for a transaction.
 */

/** By name. The values have no blanks where a connection's "options" may carry them. */
export const pinnedSettings: Readonly<Record<string, string>> = {
  // How Postgres reads what we write.
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // How it prints what we read.
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  // At 0 and below it rounds: the time in a signature was wrong by hours.
  extra_float_digits: '1',
  quote_all_identifiers: 'off',
  // What a statement may touch and see. All names of ours are said with their schema.
  search_path: 'pg_catalog,pg_temp',
  row_security: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};

/**
 * What makes a commit wait for the disk, and for the standbys that the server is to wait for: what is sent must not be
 * forgotten. Never weaker than "on"; remote_apply, which is stronger, stays.
 */
const synchronousCommit = `case pg_catalog.current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end`;

/** The statement that sets them, and more: for the session, or for the transaction that it runs in. */
export function pinStatement({
  isLocal = false,
  isReader = false,
  more = {},
}: {
  readonly isLocal?: boolean;
  /** It commits nothing. */
  readonly isReader?: boolean;
  readonly more?: Readonly<Record<string, string>>;
} = {}): string {
  const values = Object.entries({ ...pinnedSettings, ...more }).map(
    ([name, value]) => [name, pg.escapeLiteral(value)] as const,
  );
  const all = isReader ? values : [...values, ['synchronous_commit', synchronousCommit] as const];
  // With its schema: until it has run, the search path may find another function by this name.
  return `select ${all
    .map(([name, value]) => `pg_catalog.set_config('${name}', ${value}, ${isLocal})`)
    .join(', ')}`;
}
