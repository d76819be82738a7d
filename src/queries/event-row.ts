import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { time, uuid } from './shapes.ts';

/** The parts of an event that people may see: not its body and headers. Times are RFC 3339 in UTC. */
export const eventRow = z
  .object({
    id: uuid.describe('What the header webhook-id says, at each endpoint.'),
    tenant: z.string().describe('Empty: the application itself. *: all tenants.'),
    event_type: z.string(),
    recipients: z
      .int()
      .nullable()
      .describe('The endpoints that it went to. Null: a job is still adding them.'),
    is_at_least: z
      .boolean()
      .describe('Counting the recipients stopped at a bound: there are more.'),
    created_at: time,
    body_bytes: z.int(),
    content_type: z.string(),
    priority: z.string(),
    send_at: time.nullable(),
    max_attempts: z.int().nullable(),
    idempotency_key: z.string().nullable(),
  })
  .meta({ id: 'Event' });

export type EventRow = z.infer<typeof eventRow>;

/**
 * The columns of {@link eventRow}, from posthorn.redacted_events as v and {@link recipientsOf} as c. The
 * bound keeps the cost of a page at milliseconds:
 * 20 events of 10,000 recipients took 300 ms.
 *
 * @param maxCounted of the recipients of each
 */
export const eventColumns = (maxCounted: number): FragmentSqlToken => sql.fragment`
  v.id,
  v.tenant,
  v.event_type,
  case
    when not exists (select from posthorn.fan_outs as f where f.event_id = v.id) then least(c.counted, ${maxCounted})
  end as recipients,
  c.counted > ${maxCounted} as is_at_least,
  v.created_at,
  v.body_bytes,
  v.content_type,
  v.priority,
  v.send_at,
  v.max_attempts,
  v.idempotency_key`;

/** Counts the recipients of the event v, and one more than the bound. */
export function recipientsOf(maxCounted: number): FragmentSqlToken {
  return sql.fragment`
    select count(*)::integer as counted
    from (${webhooksOf(sql.fragment`v.id`)} limit ${maxCounted + 1}) as w`;
}

/** The webhooks of an event, those that wait and those that have ended. */
export function webhooksOf(eventId: FragmentSqlToken): FragmentSqlToken {
  const from = (table: FragmentSqlToken) => sql.fragment`
    select
    from ${table} as w
    where w.webhook_id >= posthorn.first_webhook_id(${eventId})
      and w.webhook_id <= posthorn.last_webhook_id(${eventId})
      and w.outbox_id = ${eventId}`;
  return sql.fragment`
    ${from(sql.fragment`posthorn.queue`)}
    union all
    ${from(sql.fragment`posthorn.outcomes`)}`;
}
