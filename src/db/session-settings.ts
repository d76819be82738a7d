import pg from 'pg';

/*
 * Settings on which our statements and the parsing of their results rely. A role or a database may have changed them,
 * so each of our sessions sets them. In a session shared with other clients, behind a pooler, they are set for a
 * transaction.
 */

/** Settings by name. The values have no blanks, because a connection's "options" may carry them. */
export const pinnedSettings: Readonly<Record<string, string>> = {
  // How Postgres reads what Posthorn writes.
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  // How Postgres prints what Posthorn reads.
  DateStyle: 'ISO,MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  // At 0 and below, Postgres rounds: the time in a signature was wrong by hours.
  extra_float_digits: '1',
  quote_all_identifiers: 'off',
  // What a statement may touch and see. All our names are written with their schema.
  search_path: 'pg_catalog,pg_temp',
  row_security: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};

/**
 * How far a commit waits: for the disk, and for the standbys that the server is configured to wait for, because a sent
 * webhook must not be forgotten. Never weaker than "on"; remote_apply, which is stronger, stays.
 */
const synchronousCommit = `case pg_catalog.current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply' else 'on' end`;

/** The statement that applies these settings and others, for the session or for the transaction in which it runs. */
export function pinStatement({
  isLocal = false,
  isReader = false,
  more = {},
}: {
  readonly isLocal?: boolean;
  /** The session commits nothing. */
  readonly isReader?: boolean;
  readonly more?: Readonly<Record<string, string>>;
} = {}): string {
  const values = Object.entries({ ...pinnedSettings, ...more }).map(
    ([name, value]) => [name, pg.escapeLiteral(value)] as const,
  );
  const all = isReader ? values : [...values, ['synchronous_commit', synchronousCommit] as const];
  // With its schema, because until it has run the search path may find another function of this name.
  return `select ${all
    .map(([name, value]) => `pg_catalog.set_config('${name}', ${value}, ${isLocal})`)
    .join(', ')}`;
}
