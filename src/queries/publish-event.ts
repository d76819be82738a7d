import type { CommonQueryMethods } from 'slonik';
import { type PublishArguments, publishStatement } from './enqueue-statement.ts';
import { knownContent } from './known-content.ts';

/** The result of publishing an event. */
export type PublishedEvent =
  | { readonly kind: 'accepted'; readonly id: string }
  /** The tenant's idempotency key already belongs to this event. */
  | { readonly kind: 'known'; readonly id: string }
  /** The tenant's idempotency key belongs to something with other content. Nothing was published. */
  | { readonly kind: 'conflict'; readonly id: string };

/** Publishes an event in its own transaction. Idempotency keys work as in sendWebhook(). */
export async function publishEvent(
  pool: Pick<CommonQueryMethods, 'oneFirst' | 'transaction'>,
  event: PublishArguments,
): Promise<PublishedEvent> {
  if (event.idempotencyKey === null) {
    return { kind: 'accepted', id: await pool.oneFirst(publishStatement(event)) };
  }
  return await pool.transaction(async (transaction) => {
    const id = await transaction.oneFirst(publishStatement(event));
    // A separate statement: its snapshot sees what another transaction committed while this one waited for the key.
    const known = await transaction.maybeOne(
      knownContent({ ...event, endpointId: null, secret: null }),
    );
    if (known?.is_new === true) return { kind: 'accepted', id };
    return { kind: known?.is_same === false ? 'conflict' : 'known', id };
  });
}
