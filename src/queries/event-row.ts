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

/** The columns of {@link eventRow}, from posthorn.redacted_events as v. */
export const eventColumns: FragmentSqlToken = sql.fragment`
  v.id,
  v.tenant,
  v.event_type,
  v.recipients::integer as recipients,
  v.created_at,
  v.body_bytes,
  v.content_type,
  v.priority,
  v.send_at,
  v.max_attempts,
  v.idempotency_key`;
