import type { CommonQueryMethods } from 'slonik';
import { normalisedUrl } from '../domain/url-forms.ts';
import { type EnqueueArguments, enqueueStatement } from './enqueue-statement.ts';
import { knownContent } from './known-content.ts';
import type { WebhookStatus } from './webhook-row.ts';

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
 * If the tenant has used the idempotency key, the webhook of that time must have the same content, byte for byte, except
 * for the spelling of its URL; the traceparent may differ, because each try of a caller has its own. Concurrent calls
 * with one key wait for each other and get one id.
 *
 * @throws slonik's errors; CheckIntegrityConstraintViolationError when a CHECK of posthorn.outbox is violated.
 */
export async function sendWebhook(
  pool: Pick<CommonQueryMethods, 'oneFirst' | 'transaction'>,
  webhook: EnqueueArguments,
): Promise<SentWebhook> {
  if (webhook.idempotencyKey === null) {
    return { kind: 'accepted', id: await pool.oneFirst(enqueueStatement(webhook)) };
  }
  return await pool.transaction(async (transaction) => {
    const id = await transaction.oneFirst(enqueueStatement(webhook));
    // A separate statement: its snapshot sees what another transaction committed while this one waited for the key.
    const known = await transaction.maybeOne(knownContent({ ...webhook, eventType: null }));
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
