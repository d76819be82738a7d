/** A database client: a Client, PoolClient or Pool of pg, or anything with the same query(). */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/** Runs a statement that returns the id of a new row of the outbox, by a client of the caller. */
export async function runStatement(
  client: Queryable,
  { sql, values }: { readonly sql: string; readonly values: readonly unknown[] },
): Promise<string> {
  // slonik names its placeholders $slonik_1, pg takes $1.
  const { rows } = await withoutDetail(client.query(sql.replaceAll('$slonik_', '$'), [...values]));
  return idOf(rows[0]);
}

/**
 * Removes the detail of an error. For a violated CHECK, Postgres puts the whole row into it, so the secret and the body
 * would end up in the caller's log.
 */
async function withoutDetail<Result>(query: Promise<Result>): Promise<Result> {
  try {
    return await query;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'detail' in error) error.detail = undefined;
    throw error;
  }
}

function idOf(row: unknown): string {
  if (typeof row === 'object' && row !== null && 'id' in row && typeof row.id === 'string') {
    return row.id;
  }
  throw new TypeError(
    'query() must resolve to { rows: [{ id }] }, but it resolved to something else: the id of the webhook is unknown',
  );
}
