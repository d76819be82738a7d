import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import type { FollowedWebhook } from './follow-webhooks.ts';

/** What a webhook is sent with. The secrets and headers of its endpoint are as they are kept: mostly sealed. */
const content = z.object({
  body: z.string(),
  headers: z.record(z.string(), z.string()).nullable(),
  contentType: z.string(),
  secret: z.string().nullable(),
  idempotencyKey: z.string().nullable(),
  traceparent: z.string().nullable(),
  signedAs: z.string().nullable(),
  endpointId: z.string().nullable(),
  endpointSecret: z.string().nullable(),
  formerSecrets: z.string().nullable(),
  endpointHeaders: z.string().nullable(),
});

export type WebhookContent = z.infer<typeof content>;

/** Reads what a webhook is sent with, as sql/claim.sql does for a worker; undefined: its row is not there any more. */
export async function readContent(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  { outbox_id: id, lane }: Pick<FollowedWebhook, 'outbox_id' | 'lane'>,
): Promise<WebhookContent | undefined> {
  const row = await connection.maybeOne(sql.type(content)`
    select
      o.body,
      o.headers,
      o.content_type as "contentType",
      o.secret,
      o.idempotency_key as "idempotencyKey",
      o.traceparent,
      o.signed_as as "signedAs",
      case when o.url is null then e.id end as "endpointId",
      case when o.secret is null then e.secret end as "endpointSecret",
      case when o.secret is null then e.former_secrets::text end as "formerSecrets",
      e.headers::text as "endpointHeaders"
    from posthorn.outbox as o
    left join posthorn.endpoints as e
      on e.lane = case
        when o.url is null then ${lane}::bigint
        when o.signed_as is not null then posthorn.lane_of(o.signed_as)
      end
    where o.id = ${id}::uuid`);
  return row ?? undefined;
}
