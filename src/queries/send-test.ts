import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

const idRow = z.object({ id: z.string() });

/**
 * Sends a test webhook to an endpoint's URL, signed with its secret; undefined when there is no such endpoint, or it
 * was deleted. It goes directly to the URL, so that you can test a paused or disabled endpoint without sending its
 * whole backlog. It makes one attempt. The row refers to the endpoint for signing, so that the secret is not copied.
 */
export async function sendTest(
  connection: Pick<CommonQueryMethods, 'maybeOneFirst'>,
  { id, body }: { readonly id: string; readonly body: string | null },
): Promise<string | undefined> {
  const webhookId = await connection.maybeOneFirst(sql.type(idRow)`
    insert into posthorn.outbox (url, body, signed_as, priority, max_attempts)
    select
      e.url,
      coalesce(
        ${body}::text,
        json_build_object('type', 'posthorn.test', 'endpoint_id', e.id, 'sent_at', now())::text),
      e.id,
      'high',
      1
    from posthorn.endpoints as e
    where e.id = ${id}::uuid and e.status <> 'deleted'
    returning id`);
  return webhookId ?? undefined;
}
