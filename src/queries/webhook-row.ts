import { type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';

export const webhookStatuses = [
  'pending',
  'delivering',
  'delivered',
  'failed',
  'cancelled',
] as const;

export type WebhookStatus = (typeof webhookStatuses)[number];

/** A webhook as people may see it: no body, no secret, no header. Times are RFC 3339 in UTC. */
export const webhookRow = z.object({
  id: z.string(),
  /** Of a registered endpoint, its present one; null when even that is forgotten. */
  url: z.string().nullable(),
  endpoint_id: z.string().nullable(),
  status: z.enum(webhookStatuses),
  attempt_count: z.int(),
  created_at: z.string(),
  /** Null when it has ended, and while its endpoint is paused or disabled. */
  next_attempt_at: z.string().nullable(),
  /** What keeps a pending webhook from being sent. */
  waits_for: z.string().nullable(),
  /** Null until it has ended. */
  finished_at: z.string().nullable(),
  last_status_code: z.int().nullable(),
  last_error: z.string().nullable(),
  /** Why it ended so. */
  reason: z.string().nullable(),
  priority: z.string(),
  send_at: z.string().nullable(),
  max_attempts: z.int().nullable(),
  idempotency_key: z.string().nullable(),
  content_type: z.string(),
  body_bytes: z.int(),
  /** A 64-bit integer as text: JSON readers take numbers for doubles. */
  lane: z.string().nullable(),
});

export type WebhookRow = z.infer<typeof webhookRow>;

/** The columns of {@link webhookRow}, of posthorn.webhooks as w. */
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
  w.lane::text as lane`;
