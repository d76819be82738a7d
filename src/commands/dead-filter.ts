import type { CommonQueryMethods } from 'slonik';
import { findDeadFilter, type WebhookFilter } from '../queries/webhook-filter.ts';
import { refuse } from './problem-text.ts';

/** Ends a command whose filter cannot match anything, because success would hide a mistyped id. */
export async function refuseDeadFilter(
  pool: Pick<CommonQueryMethods, 'one'>,
  { filter, doing }: { readonly filter: WebhookFilter; readonly doing: string },
): Promise<void> {
  const dead = await findDeadFilter(pool, filter);
  if (dead === 'no_endpoint') {
    refuse(
      `Nothing to ${doing}: there is no endpoint with id ${filter.endpointId}, or it was deleted`,
    );
  }
  if (dead === 'no_event') {
    refuse(`Nothing to ${doing}: there is no event with id ${filter.eventId}`);
  }
  if (dead === 'dropped') {
    refuse(`Nothing to ${doing}: history as old as this has been dropped (POSTHORN_RETENTION)`);
  }
}
