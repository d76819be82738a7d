import { rowsBy, type SqlClient } from './run-sql.ts';

/** Makes the table of the ids that processOnce() has seen. Put it into a migration of your application. */
export const receivedWebhooksTable = `create table received_webhooks (
  id text primary key,
  received_at timestamptz not null default now()
);`;

/** What became of a webhook. */
export type Processed<Result> =
  | { readonly isDuplicate: false; readonly result: Result }
  /** It was processed before, so the function did not run. Answer 2xx all the same. */
  | { readonly isDuplicate: true };

export interface ProcessOnceOptions {
  /** The table of ids, also with its schema: `app.received_webhooks`. Default: received_webhooks. */
  readonly table?: string | undefined;
}

/**
 * Runs a function once for the id of a webhook, in your transaction of Postgres: the id is recorded in the same transaction as
 * the work. If it rolls back, the id is forgotten with the work, and the next attempt runs the function again.
 *
 * When the same webhook comes twice at the same time, the second call waits until the first transaction has ended.
 *
 * @param client of an open transaction; a pool is refused, because what it does cannot be rolled back.
 * @throws what the function throws: roll back then, and answer 5xx.
 * @throws TypeError when the client is in no transaction. Nothing is recorded then.
 */
export async function processOnce<Result>(
  client: SqlClient,
  id: string,
  work: () => PromiseLike<Result> | Result,
  options: ProcessOnceOptions = {},
): Promise<Processed<Result>> {
  const { table = 'received_webhooks' } = options;
  if (!/^[a-z_][a-z0-9_]{0,62}(?:\.[a-z_][a-z0-9_]{0,62})?$/i.test(table)) {
    throw new TypeError('table must be a name, or a schema and a name: it is not');
  }
  if (typeof id !== 'string' || id === '') {
    throw new TypeError('The id must be the webhook-id of a verified request: it is not a text');
  }
  const rows = rowsBy(client);
  const isNew = `insert into ${table} (id) values ($1) on conflict do nothing returning id`;
  if ((await rows(isNew, [id])).length === 0) return { isDuplicate: true };
  // After an insert, a transaction has a number. If it has none, the insert was a transaction by itself.
  const inTransaction = 'select 1 as one where txid_current_if_assigned() is not null';
  if ((await rows(inTransaction, [])).length === 0) {
    await rows(`delete from ${table} where id = $1 returning id`, [id]);
    throw new TypeError(
      'The client must be in a transaction, so that the id and the work are committed together: it is not. Begin one, and pass its client instead of a pool',
    );
  }
  return { isDuplicate: false, result: await work() };
}
