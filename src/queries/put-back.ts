import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { type MatchCount, matching, type WebhookFilter } from './webhook-filter.ts';

/** The results of retrying a webhook, as posthorn.retry() returns them. */
const retryResults = [
  'queued',
  'brought_forward',
  'already_due',
  'delivering',
  'delivered',
  'endpoint_deleted',
  'worn_out',
  'payload_gone',
  'unknown',
] as const;

export type RetryResult = (typeof retryResults)[number];

const retried = z.object({ became: z.enum(retryResults) });

/** Resends a webhook that has ended, or sends a waiting one now. A delivered one is resent only if forced. */
export async function retryWebhook(
  connection: Pick<CommonQueryMethods, 'oneFirst'>,
  { id, force }: { readonly id: string; readonly force: boolean },
): Promise<RetryResult> {
  return await connection.oneFirst(
    sql.type(retried)`select posthorn.retry(${id}::uuid, ${force}) as became`,
  );
}

/** The result of cancelling a webhook. */
export type CancelResult =
  | 'cancelled'
  | 'delivering'
  | 'delivered'
  | 'failed'
  | 'payload_gone'
  | 'unknown';

const cancelled = z.object({ done: z.boolean() });
const state = z.object({
  is_queued: z.boolean(),
  status: z.enum(['cancelled', 'delivered', 'failed']).nullable(),
  is_dropped: z.boolean(),
});

/** Cancels a waiting webhook. If it is cancelled already, nothing changes. */
export async function cancelWebhook(
  connection: Pick<CommonQueryMethods, 'one' | 'oneFirst'>,
  id: string,
): Promise<CancelResult> {
  const isDone = await connection.oneFirst(
    sql.type(cancelled)`select posthorn.cancel(${id}::uuid) as done`,
  );
  if (isDone) return 'cancelled';
  const found = await connection.one(sql.type(state)`
    select
      exists (select from posthorn.queue where webhook_id = ${id}::uuid) as is_queued,
      (select status from posthorn.outcomes where webhook_id = ${id}::uuid) as status,
      posthorn.is_dropped(${id}::uuid) as is_dropped`);
  if (found.is_queued) return 'delivering';
  return found.status ?? (found.is_dropped ? 'payload_gone' : 'unknown');
}

const cancelForMs = 4_000;
const perStatement = 2_000;
/** Rows of the queue that one statement may read to find them. */
const walkRows = 50_000;

const cancelledSome = z.object({ webhooks: z.int(), walked_to: z.string().nullable() });

/**
 * Cancels waiting webhooks that match, for some seconds, with one transaction per statement. More may be left
 * afterwards.
 */
export async function cancelMatching(
  connection: Pick<CommonQueryMethods, 'one'>,
  filter: WebhookFilter,
): Promise<MatchCount> {
  const startedMs = performance.now();
  const pending = { ...filter, statuses: ['pending'] as const };
  for (let matched = 0, after: string | null = null; ; ) {
    const some: z.infer<typeof cancelledSome> = await connection.one(sql.type(cancelledSome)`
      select posthorn.cancel_many(m.webhook_ids)::integer as webhooks, m.walked_to
      from ${matching(pending, { after, walk: walkRows, most: perStatement })} as m`);
    matched += some.webhooks;
    after = some.walked_to;
    if (after === null) return { matched, isAtLeast: false };
    if (performance.now() - startedMs > cancelForMs) return { matched, isAtLeast: true };
  }
}
