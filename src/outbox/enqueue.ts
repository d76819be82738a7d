import { enqueueStatement } from '../queries/enqueue-statement.ts';
import { toEnqueueArguments } from './enqueue-arguments.ts';
import type { NewWebhook } from './webhook.ts';

/** A database client: a Client, PoolClient or Pool of pg, or anything with the same query(). */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * Enqueues a webhook in the transaction that the client is in, and returns its id.
 *
 * It is delivered if and only if that transaction commits: nothing is sent, and no other connection is used, before. If
 * the idempotency key was used before, it returns the existing webhook's id and enqueues nothing.
 *
 * @throws TypeError when the webhook could not be sent unchanged; the transaction is not touched then.
 * @throws the client's error when a rule of posthorn.outbox is violated: SQLSTATE 23514, or 23503 for an endpoint that is
 * not registered; `constraint` names the rule.
 */
export async function enqueue(client: Queryable, webhook: NewWebhook): Promise<string> {
  const { sql, values } = enqueueStatement(toEnqueueArguments(webhook));
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
