import type { Transaction } from '../transaction/transaction.ts';
import type { KnownEvents, NewEvent } from './event.ts';
import { eventRow } from './rows.ts';
import { rowsOf, run } from './run.ts';
import { publishStatement } from './statements.ts';

/**
 * Publishes an event in your transaction, and returns its id.
 *
 * In the same transaction, Postgres enqueues a webhook to each of the tenant's endpoints that subscribes to it. They are
 * delivered if and only if the transaction commits. With a pool, or a client that is in no transaction, it is a
 * transaction of its own. If the tenant has used the idempotency key before, it returns the existing event's id and
 * publishes nothing.
 *
 * @throws TypeError when the event could not be sent unchanged, or `tx` is no transaction that is known; the transaction is
 * not touched then.
 * @throws RefusedError when a rule of posthorn.outbox is broken; `constraint` names the rule.
 * @throws the library's error otherwise, such as a lost connection or a serialization failure.
 */
export async function publish<Events extends object = KnownEvents>(
  tx: Transaction,
  // Without NoInfer, the types would follow from the event, which would then always fit.
  event: NewEvent<NoInfer<Events>>,
): Promise<string> {
  const [id = ''] = await run(tx, {
    caller: 'publish',
    rows: [eventRow(event)],
    statementOf: publishStatement,
  });
  return id;
}

/**
 * Publishes events in your transaction by one statement, and returns their ids in the same order. See {@link publish} and
 * enqueueMany().
 */
export async function publishMany<Events extends object = KnownEvents>(
  tx: Transaction,
  events: readonly NewEvent<NoInfer<Events>>[],
): Promise<string[]> {
  return await run(tx, {
    caller: 'publishMany',
    rows: rowsOf('events', events, eventRow),
    statementOf: publishStatement,
  });
}
