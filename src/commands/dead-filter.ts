import type { CommonQueryMethods } from 'slonik';
import { findDeadFilter, type WebhookFilter } from '../queries/webhook-filter.ts';
import { refuse } from './problem-text.ts';

/** Ends a command whose filter can match nothing, whatever is enqueued: success would hide a mistyped id. */
export async function refuseDeadFilter(
  pool: Pick<CommonQueryMethods, 'one'>,
  { filter, doing }: { readonly filter: WebhookFilter; readonly doing: string },
): Promise<void> {
  const dead = await findDeadFilter(pool, filter);
  if (dead === 'no_endpoint') {
    refuse(
      `Cannot ${doing} as there must be an endpoint with this id that is not deleted: current value is ${filter.endpointId}`,
    );
  }
  if (dead === 'dropped') {
    refuse(
      `Cannot ${doing} as the webhooks must still be there: history as old as this has been dropped (POSTHORN_RETENTION)`,
    );
  }
}
