import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { webhookStatuses } from './webhook-row.ts';

const explanation = z.object({
  tenant: z.string(),
  endpoint_id: z.string(),
  url: z.string(),
  webhook_id: z.string().nullable(),
  status: z.enum(webhookStatuses).nullable(),
  attempts: z.int().nullable(),
  last_status_code: z.int().nullable(),
  last_error: z.string().nullable(),
  why: z.string().nullable(),
});

/** Why an endpoint received an event, or did not: see posthorn.explain_event(). */
export type EventExplanation = z.infer<typeof explanation>;

/** Explains an event: a row for each endpoint, at most `most`, those that did not receive it first. */
export async function explainEvent(
  connection: Pick<CommonQueryMethods, 'any'>,
  { id, most }: { readonly id: string; readonly most: number },
): Promise<readonly EventExplanation[]> {
  return await connection.any(sql.type(explanation)`
    select tenant, endpoint_id, url, webhook_id, status, attempts, last_status_code, last_error, why
    from posthorn.explain_event(${id}::uuid)
    order by webhook_id is not null, tenant, endpoint_id
    limit ${most}`);
}
