import { readFileSync } from 'node:fs';
import type { Pool, PoolClient, QueryResultRow } from 'pg';

/** A statement of the engine: its text lives in sql/<name>.sql and is prepared under that name. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Reads sql/<name>.sql of this package.
 *
 * @throws when there is no such file. That is a defect of the package, found at the start.
 */
export function sqlFile(name: string): SqlFile {
  const text = readFileSync(new URL(`../../sql/${name}.sql`, import.meta.url), 'utf8');
  return { name: `posthorn_${name}`, text };
}

/** Runs a statement, prepared once per connection, and returns its rows. */
export async function runSql<Row extends QueryResultRow>(
  client: Pool | PoolClient,
  { sql, values }: { sql: SqlFile; values: readonly unknown[] },
): Promise<Row[]> {
  const result = await client.query<Row>({ ...sql, values: [...values] });
  return result.rows;
}
