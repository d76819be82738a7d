import { createHash } from 'node:crypto';
import type pg from 'pg';
import { secret } from './traffic.ts';

/*
 * The events in the traffic: each goes to two endpoints of a tenant, and to a third if its number is even. Some are more
 * than the transaction may fan out, so that a job does it.
 */

export const tenant = 'chaos';

/** The ids of the endpoints; the last one has a filter. */
export type Fans = readonly [string, string, string];

export async function registerFans(client: pg.Client, receiverUrl: string): Promise<Fans> {
  const { rows } = await client.query<{ id: string }>(
    `with registered as (
       insert into posthorn.endpoints (tenant, url, secret)
       select $1, $2 || '/fan/' || n, $3 from generate_series(1, 3) as n
       returning id, url
     ),
     subscribed as (
       insert into posthorn.subscriptions (endpoint_id, event_type, filter)
       select id, 'chaos.*', case when url like '%/3' then '$.even == true'::jsonpath end from registered
     )
     select id from registered order by url`,
    [tenant, receiverUrl, secret],
  );
  const [first, second, third] = rows.map(({ id }) => id);
  if (first === undefined || second === undefined || third === undefined) {
    throw new Error('The endpoints for events are not there');
  }
  return [first, second, third];
}

/** The webhooks of an event, as the producer knows them: the checker compares them with what there is. */
export function webhooksOf(eventId: string, { fans, n }: { fans: Fans; n: number }): string[] {
  const receivers = n % 2 === 0 ? fans : fans.slice(0, 2);
  return receivers.map((endpointId) => webhookIdOf(eventId, endpointId));
}

/** What posthorn.webhook_id() says, by code of its own. */
export function webhookIdOf(eventId: string, endpointId: string): string {
  const bytes = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex');
  const hash = createHash('sha256').update(bytes(eventId)).update(bytes(endpointId)).digest('hex');
  const hex = `${eventId.replaceAll('-', '').slice(0, 16)}8${hash.slice(0, 15)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
