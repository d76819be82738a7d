import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { uuid } from './shapes.ts';

/** Why an endpoint receives an event, or does not. */
export const recipientReasons = [
  'subscribed',
  'paused',
  'no_subscription',
  'filter_is_false',
  'filter_has_no_answer',
  'body_is_not_json',
  'disabled',
] as const;

export const recipientRow = z
  .object({
    endpoint_id: uuid,
    url: z.string(),
    receives: z.boolean(),
    why: z
      .enum(recipientReasons)
      .describe(
        'subscribed: it receives it. paused: it does, once it is resumed. no_subscription: no subscription is for this type. filter_is_false: the filter says no. filter_has_no_answer: the filter compares values of different types. body_is_not_json: the filter cannot read the body. disabled: it does not receive it now.',
      ),
    receives_later: z.boolean().describe('It is disabled, and catches up when it is enabled.'),
    subscription_id: uuid.nullable().describe('The subscription that decides.'),
    subscribed_to: z.string().nullable(),
    filter: z.string().nullable(),
  })
  .meta({ id: 'Recipient' });

export type RecipientRow = z.infer<typeof recipientRow>;

/** Explains who would receive an event now: a row for each endpoint of the tenant, at most `most`. */
export async function findRecipients(
  connection: Pick<CommonQueryMethods, 'any'>,
  {
    tenant,
    eventType,
    body,
    most,
  }: {
    readonly tenant: string;
    readonly eventType: string;
    readonly body: string;
    readonly most: number;
  },
): Promise<readonly RecipientRow[]> {
  return await connection.any(sql.type(recipientRow)`
    select
      endpoint_id, url, receives, why, receives_later, subscription_id, subscribed_to, filter::text as filter
    from posthorn.recipients(${tenant}::text, ${eventType}::text, ${body}::text)
    limit ${most}`);
}
