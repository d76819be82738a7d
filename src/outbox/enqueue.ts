import { enqueueStatement } from '../queries/enqueue-statement.ts';
import { toEnqueueArguments } from './enqueue-arguments.ts';
import { type Queryable, runStatement } from './run-statement.ts';
import type { NewWebhook } from './webhook.ts';

/**
 * Enqueues a webhook in the transaction that the client is in, and returns its id.
 *
 * It is delivered if and only if that transaction commits: nothing is sent, and no other connection is used, before. If
 * the tenant has used the idempotency key before, it returns the existing webhook's id and enqueues nothing.
 *
 * @throws TypeError when the webhook could not be sent unchanged; the transaction is not touched then.
 * @throws the client's error when a rule of posthorn.outbox is violated: SQLSTATE 23514, or 23503 for an endpoint that is
 * not registered; `constraint` names the rule.
 */
export async function enqueue(client: Queryable, webhook: NewWebhook): Promise<string> {
  return await runStatement(client, enqueueStatement(toEnqueueArguments(webhook)));
}
