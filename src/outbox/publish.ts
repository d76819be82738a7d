import { publishStatement } from '../queries/enqueue-statement.ts';
import { toPublishArguments } from './enqueue-arguments.ts';
import { type Queryable, runStatement } from './run-statement.ts';
import type { AnyEvents, NewEvent } from './webhook.ts';

/**
 * Publishes an event in the transaction that the client is in, and returns its id.
 *
 * In the same transaction, Postgres enqueues a webhook to each of the tenant's endpoints that subscribes to it. They are
 * delivered if and only if the transaction commits. If the tenant has used the idempotency key before, it returns the
 * existing event's id and publishes nothing.
 *
 * @throws TypeError when the event could not be sent unchanged; the transaction is not touched then.
 * @throws the client's error when a rule of posthorn.outbox is violated: SQLSTATE 23514; `constraint` names the rule.
 */
export async function publish<Events extends object = AnyEvents>(
  client: Queryable,
  event: NewEvent<Events>,
): Promise<string> {
  return await runStatement(client, publishStatement(toPublishArguments(event)));
}
