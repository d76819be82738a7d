import type { Context } from 'hono';
import { z } from 'zod';
import { type WebhookRow, webhookStatuses } from '../queries/webhook-row.ts';
import type { ApiEnv } from './api-env.ts';

/** How the answer to a webhook that was sent is documented. */
export const accepted = {
  description: 'Committed.',
  schema: z
    .object({
      id: z.uuid(),
      status: z.enum(webhookStatuses).nullable().describe('Null: its history has been dropped.'),
    })
    .meta({ id: 'SentWebhook' }),
  headers: {
    Location: 'Where to look at it.',
    'Idempotent-Replay': 'true: the same webhook was sent before.',
  },
} as const;

/** Answers that a webhook is committed. */
export function answerAccepted(
  c: Context<ApiEnv>,
  { id, status }: { readonly id: string; readonly status: WebhookRow['status'] | null },
): Response {
  c.header('Location', `/webhooks/${id}`);
  return c.json({ id, status }, 202);
}
