import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { time, uuid } from './shapes.ts';
import { webhookColumns, webhookRow } from './webhook-row.ts';

const attemptRow = z
  .object({
    number: z.int(),
    started_at: time,
    finished_at: time.nullable().describe('Null while it is under way.'),
    duration_ms: z.number().nullable(),
    status_code: z.int().nullable(),
    error: z.string().nullable(),
    error_message: z.string().nullable(),
    response_body: z.string().nullable().describe('Its first 16 KiB.'),
    response_truncated: z.boolean().nullable(),
    worker: z.int(),
  })
  .meta({ id: 'Attempt' });

const earlierOutcome = z.object({
  status: z.enum(['delivered', 'failed', 'cancelled']),
  reason: z.string().nullable(),
  attempts: z.int().describe('Until then.'),
  last_status_code: z.int().nullable(),
  finished_at: time,
  replayed_at: time,
  replay_id: uuid
    .nullable()
    .describe('The replay that resent it; null: it was resent individually.'),
});

/** A webhook with all its attempts and its former outcomes, oldest first. */
export const foundWebhook = webhookRow
  .extend({
    earlier_outcomes: z
      .array(earlierOutcome)
      .readonly()
      .describe('How it had ended before each resend, oldest first.'),
    attempts: z.array(attemptRow).readonly().describe('Oldest first.'),
  })
  .meta({ id: 'WebhookWithAttempts' });

export type FoundWebhook = z.infer<typeof foundWebhook>;

/** Finds a webhook by its id; undefined: it does not exist, or its history was dropped. */
export async function findWebhook(
  connection: Pick<CommonQueryMethods, 'any' | 'maybeOne'>,
  id: string,
): Promise<FoundWebhook | undefined> {
  const webhook = await connection.maybeOne(sql.type(webhookRow)`
    select ${webhookColumns}
    from posthorn.webhooks as w
    where w.id = ${id}::uuid`);
  if (webhook === null) return undefined;
  const attempts = await connection.any(sql.type(attemptRow)`
    select
      number,
      started_at,
      finished_at,
      case when duration_ms < 'infinity' then duration_ms end as duration_ms,
      status_code,
      error,
      error_message,
      response_body,
      response_truncated,
      worker
    from posthorn.attempts
    where webhook_id = ${id}::uuid
    order by number`);
  const earlier_outcomes = await connection.any(sql.type(earlierOutcome)`
    select status, reason, attempts, last_status_code, finished_at, replayed_at, replay_id
    from posthorn.former_outcomes
    where webhook_id = ${id}::uuid
    order by replayed_at`);
  return { ...webhook, earlier_outcomes, attempts };
}
