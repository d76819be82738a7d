import type { CommonQueryMethods } from 'slonik';
import { publishStatement } from '../queries/enqueue-statement.ts';
import { toPublishArguments } from './enqueue-arguments.ts';
import type { AnyEvents, NewEvent } from './webhook.ts';

/**
 * Publishes an event in the transaction of a slonik connection, and returns its id. See publish().
 *
 * Inside pool.transaction() pass the connection that the handler gets, because an event published on the pool itself is
 * sent even if the transaction rolls back.
 *
 * @throws TypeError when the event could not be sent unchanged.
 * @throws slonik's CheckIntegrityConstraintViolationError when a CHECK of posthorn.outbox is violated.
 */
export async function publishWithSlonik<Events extends object = AnyEvents>(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  event: NewEvent<Events>,
): Promise<string> {
  return await connection.oneFirst(publishStatement(toPublishArguments(event)));
}
