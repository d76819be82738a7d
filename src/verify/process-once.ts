import { rowsIn, runnerOf, type Transaction } from '../transaction/transaction.ts';

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
 * @param tx your transaction, as posthorn/producer takes it. A pool, or a client outside of a transaction, is refused, because what
 * it does cannot be rolled back.
 * @throws what the function throws: roll back then, and answer 5xx.
 * @throws TypeError when it is no transaction. Nothing is recorded then.
 */
export async function processOnce<Result>(
  tx: Transaction,
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
  const run = runnerOf('processOnce', tx);
  const finds = async (text: string) => {
    const rows = rowsIn(await run({ text, parameter: id }));
    if (rows === undefined) {
      throw new TypeError(
        'processOnce() needs a transaction whose query resolves to rows, or to { rows }, but it resolved to something else',
      );
    }
    return rows.length > 0;
  };
  if (!(await finds(`insert into ${table} (id) values ($1) on conflict do nothing returning id`)))
    return { isDuplicate: true };
  // After an insert, a transaction has a number. If it has none, the insert was a transaction by itself.
  if (!(await finds('select $1::text as id where txid_current_if_assigned() is not null'))) {
    await finds(`delete from ${table} where id = $1 returning id`);
    throw new TypeError(
      'processOnce() needs an open transaction, so that the id and the work are committed together, but got a pool, or a client that has begun none',
    );
  }
  return { isDuplicate: false, result: await work() };
}
