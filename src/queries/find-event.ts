import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { eventColumns, eventRow, recipientsOf } from './event-row.ts';
import { listWebhooks } from './list-webhooks.ts';
import { webhookRow } from './webhook-row.ts';

const shownWebhooks = 100;
const maxCounted = 10_000;

/** An event with the webhooks that take it to its endpoints. */
export const foundEvent = eventRow
  .extend({
    webhooks: z
      .array(webhookRow)
      .readonly()
      .describe(`Its webhooks, one for each endpoint; at most ${shownWebhooks}.`),
    more: z.boolean().describe('There are more webhooks: list them by event_id.'),
  })
  .meta({ id: 'EventWithWebhooks' });

export type FoundEvent = z.infer<typeof foundEvent>;

/** Finds an event by its id; undefined: there is none, or its history was dropped. */
export async function findEvent(
  connection: Pick<CommonQueryMethods, 'any' | 'maybeOne' | 'one'>,
  id: string,
): Promise<FoundEvent | undefined> {
  const event = await connection.maybeOne(sql.type(eventRow)`
    select ${eventColumns(maxCounted)}
    from posthorn.redacted_events as v
    cross join lateral (${recipientsOf(maxCounted)}) as c
    where v.id = ${id}::uuid`);
  if (event === null) return undefined;
  const { webhooks, before } = await listWebhooks(connection, {
    status: undefined,
    limit: shownWebhooks,
    before: undefined,
    which: { eventId: id },
  });
  return { ...event, webhooks, more: before !== null };
}
