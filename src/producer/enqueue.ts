import type { Transaction } from '../transaction/transaction.ts';
import { webhookRow } from './rows.ts';
import { rowsOf, run } from './run.ts';
import { enqueueStatement } from './statements.ts';
import type { NewWebhook } from './webhook.ts';

/**
 * Enqueues a webhook in your transaction, and returns its id.
 *
 * It is delivered if and only if that transaction commits: nothing is sent, and no other connection is used, before. With
 * a pool, or a client that is in no transaction, it is a transaction of its own. If the tenant has used the idempotency
 * key before, it returns the existing webhook's id and enqueues nothing.
 *
 * @throws TypeError when the webhook could not be sent unchanged, or `tx` is no transaction that is known; the transaction
 * is not touched then.
 * @throws RefusedError when a rule of posthorn.outbox is broken; `constraint` names the rule.
 * @throws the library's error otherwise, such as a lost connection or a serialization failure.
 */
export async function enqueue(tx: Transaction, webhook: NewWebhook): Promise<string> {
  const [id = ''] = await run(tx, {
    caller: 'enqueue',
    rows: [webhookRow(webhook)],
    statementOf: enqueueStatement,
  });
  return id;
}

/**
 * Enqueues webhooks in your transaction by one statement, and returns their ids in the same order. See {@link enqueue}.
 *
 * Either all of them are enqueued or none, except those with a known idempotency key. Without any idempotency keys it is
 * several times as fast. Give it some thousand at a time, because all of them are in memory as one text.
 */
export async function enqueueMany(
  tx: Transaction,
  webhooks: readonly NewWebhook[],
): Promise<string[]> {
  return await run(tx, {
    caller: 'enqueueMany',
    rows: rowsOf('webhooks', webhooks, webhookRow),
    statementOf: enqueueStatement,
  });
}
