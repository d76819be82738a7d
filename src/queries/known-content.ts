import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';
import type { ContentArguments } from './enqueue-statement.ts';
import { webhookStatuses } from './webhook-row.ts';

const known = z.object({
  is_new: z.boolean().describe('This transaction wrote the key.'),
  is_same: z.boolean().describe('Except for the URL.'),
  url: z.string().nullable(),
  status: z.enum(webhookStatuses).nullable().describe('Null for an event.'),
});

/** Builds the statement that finds out whether the row of an idempotency key has this content. The traceparent may differ. */
export function knownContent(
  given: ContentArguments & {
    readonly endpointId: string | null;
    readonly eventType: string | null;
    readonly secret: string | null;
  },
): QuerySqlToken<typeof known> {
  return sql.type(known)`
    select
      coalesce(k.xmin = pg_current_xact_id_if_assigned()::xid, false) as is_new,
      o.id is null or (
        o.endpoint_id is not distinct from ${given.endpointId}::uuid
        and o.event_type is not distinct from ${given.eventType}::text
        and o.body = ${given.body}::text
        and coalesce(o.headers, '{}') = coalesce(${given.headers}::jsonb, '{}')
        and o.secret is not distinct from ${given.secret}::text
        and o.content_type = coalesce(${given.contentType}::text, 'application/json')
        and o.priority = coalesce(${given.priority}::text, 'normal')
        and o.send_at is not distinct from ${given.sendAt}::timestamptz
        and o.max_attempts is not distinct from ${given.maxAttempts}::integer
      ) as is_same,
      o.url,
      (select w.status from posthorn.webhooks as w where w.id = k.outbox_id) as status
    from posthorn.idempotency_keys as k
    left join posthorn.outbox as o on o.id = k.outbox_id
    where k.tenant = ${given.tenant ?? ''} and k.key = ${given.idempotencyKey}`;
}
