import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { normalisedUrl } from '../domain/url-forms.ts';
import { type EnqueueArguments, enqueueStatement } from './enqueue-statement.ts';
import { type WebhookStatus, webhookStatuses } from './webhook-row.ts';

/** The result of enqueueing a webhook. */
export type SentWebhook =
  | { readonly kind: 'accepted'; readonly id: string }
  /** The idempotency key already belongs to this webhook. The status is null when its history has been dropped. */
  | { readonly kind: 'known'; readonly id: string; readonly status: WebhookStatus | null }
  /** The idempotency key belongs to a webhook with other content. Nothing was enqueued. */
  | { readonly kind: 'conflict'; readonly id: string };

/**
 * Enqueues a webhook in its own transaction.
 *
 * If the idempotency key exists, its webhook must have the same content, byte for byte, except for the spelling of its
 * URL; the traceparent may differ, because each try of a caller has its own. Concurrent calls with one key wait for
 * each other and get one id.
 *
 * @throws slonik's errors; CheckIntegrityConstraintViolationError when a CHECK of posthorn.outbox is violated.
 */
export async function sendWebhook(
  pool: Pick<CommonQueryMethods, 'oneFirst' | 'transaction'>,
  webhook: EnqueueArguments,
): Promise<SentWebhook> {
  const { idempotencyKey } = webhook;
  if (idempotencyKey === null) {
    return { kind: 'accepted', id: await pool.oneFirst(enqueueStatement(webhook)) };
  }
  return await pool.transaction(async (transaction) => {
    const id = await transaction.oneFirst(enqueueStatement(webhook));
    // A separate statement: its snapshot sees what another transaction committed while this one waited for the key.
    const known = await transaction.maybeOne(comparison({ ...webhook, idempotencyKey }));
    if (known?.is_new === true) return { kind: 'accepted', id };
    if (known?.is_same === false || (known !== null && !goesTo(known, webhook)))
      return { kind: 'conflict', id };
    return { kind: 'known', id, status: known?.status ?? null };
  });
}

/** A webhook enqueued by SQL keeps its URL as typed; if the row is gone, there is no URL to compare. */
function goesTo(
  known: { readonly url: string | null },
  { url }: Pick<EnqueueArguments, 'url'>,
): boolean {
  return known.url === null || url === null || normalisedUrl(known.url) === normalisedUrl(url);
}

const compared = z.object({
  is_new: z.boolean(),
  is_same: z.boolean().describe('Except for the URL.'),
  url: z.string().nullable(),
  status: z.enum(webhookStatuses).nullable(),
});

/** Whether this transaction wrote the key, and whether the key's webhook has this content. */
function comparison(webhook: EnqueueArguments & { readonly idempotencyKey: string }) {
  return sql.type(compared)`
    select
      coalesce(k.xmin = pg_current_xact_id_if_assigned()::xid, false) as is_new,
      o.id is null or (
        o.endpoint_id is not distinct from ${webhook.endpointId}::uuid
        and o.body = ${webhook.body}::text
        and coalesce(o.headers, '{}') = coalesce(${webhook.headers}::jsonb, '{}')
        and o.secret is not distinct from ${webhook.secret}::text
        and o.content_type = coalesce(${webhook.contentType}::text, 'application/json')
        and o.priority = coalesce(${webhook.priority}::text, 'normal')
        and o.send_at is not distinct from ${webhook.sendAt}::timestamptz
        and o.max_attempts is not distinct from ${webhook.maxAttempts}::integer
      ) as is_same,
      o.url,
      (select w.status from posthorn.webhooks as w where w.id = k.outbox_id) as status
    from posthorn.idempotency_keys as k
    left join posthorn.outbox as o on o.id = k.outbox_id
    where k.tenant = '' and k.key = ${webhook.idempotencyKey}`;
}
