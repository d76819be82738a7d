import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { bigintText, time, uuid } from './shapes.ts';

export const webhookStatuses = [
  'pending',
  'delivering',
  'delivered',
  'failed',
  'cancelled',
] as const;

export type WebhookStatus = (typeof webhookStatuses)[number];

/** The parts of a webhook that people may see: not its body, secret or headers. Times are RFC 3339 in UTC. */
export const webhookRow = z
  .object({
    id: uuid,
    url: z
      .string()
      .nullable()
      .describe('For a registered endpoint, its present URL; null when even that is gone.'),
    endpoint_id: uuid.nullable(),
    status: z.enum(webhookStatuses),
    attempt_count: z.int(),
    created_at: time,
    next_attempt_at: time
      .nullable()
      .describe('Null if it has ended, or while its endpoint is paused or disabled.'),
    waits_for: z.string().nullable().describe('What keeps a pending webhook from being sent.'),
    finished_at: time.nullable().describe('Null until it has ended.'),
    last_status_code: z.int().nullable(),
    last_error: z.string().nullable(),
    reason: z.string().nullable().describe('Why it ended so.'),
    priority: z.string(),
    send_at: time.nullable(),
    max_attempts: z.int().nullable(),
    idempotency_key: z.string().nullable(),
    content_type: z.string(),
    body_bytes: z.int(),
    tenant: z.string().describe('The tenant that it belongs to; empty: the application itself.'),
    event_id: uuid
      .nullable()
      .describe('The event that it takes to its endpoint. Null: it was sent directly.'),
    event_type: z.string().nullable(),
    lane: bigintText
      .nullable()
      .describe('The same for all webhooks to one endpoint, or to one URL without its query.'),
  })
  .meta({ id: 'Webhook' });

export type WebhookRow = z.infer<typeof webhookRow>;

/** The columns of {@link webhookRow}, from posthorn.webhooks as w. */
export const webhookColumns: FragmentSqlToken = sql.fragment`
  w.id,
  w.url,
  w.endpoint_id,
  w.status,
  w.attempts as attempt_count,
  w.created_at,
  w.next_attempt_at,
  w.waits_for,
  w.finished_at,
  w.last_status_code,
  w.last_error,
  w.reason,
  w.priority,
  w.send_at,
  w.max_attempts,
  w.idempotency_key,
  w.content_type,
  w.body_bytes,
  w.tenant,
  case when w.event_type is not null then w.event_id end as event_id,
  w.event_type,
  w.lane::text as lane`;
