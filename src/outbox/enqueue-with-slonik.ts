import type { CommonQueryMethods } from 'slonik';
import { enqueueStatement } from '../queries/enqueue-statement.ts';
import { toEnqueueArguments } from './enqueue-arguments.ts';
import type { NewWebhook } from './webhook.ts';

/**
 * Enqueues a webhook in the transaction of a slonik connection, and returns its id. See enqueue().
 *
 * Inside pool.transaction() pass the connection that the handler gets, because a webhook enqueued on the pool itself is
 * sent even if the transaction rolls back.
 *
 * @throws TypeError when the webhook could not be sent unchanged.
 * @throws slonik's CheckIntegrityConstraintViolationError when a CHECK of posthorn.outbox is violated.
 */
export async function enqueueWithSlonik(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  webhook: NewWebhook,
): Promise<string> {
  return await connection.oneFirst(enqueueStatement(toEnqueueArguments(webhook)));
}
