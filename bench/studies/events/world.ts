import type { RoundDatabase } from '../../../harness/postgres.ts';
import { urlOf } from '../../backlog.ts';

/** Tenants by the number of their endpoints, which are subscribed to "order.*". */
export const tenants = { none: 0, one: 1, ten: 10, hundred: 100, thousands: 10_000 } as const;

export type Tenant = keyof typeof tenants;

/** Registers the endpoints of these tenants. Their numbers, which their secrets come from, follow each other. */
export async function registerTenants(
  { client }: RoundDatabase,
  port: number,
  wanted: readonly Tenant[] = ['none', 'one', 'ten', 'hundred', 'thousands'],
): Promise<void> {
  let from = 0;
  for (const tenant of wanted) {
    await registerEndpoints(client, { tenant, port, from, count: tenants[tenant] });
    from += tenants[tenant];
  }
  await client.query('vacuum (analyze) posthorn.endpoints, posthorn.subscriptions');
}

export async function registerEndpoints(
  client: RoundDatabase['client'],
  which: {
    readonly tenant: string;
    readonly port: number;
    readonly from: number;
    readonly count: number;
    readonly filter?: string;
  },
): Promise<void> {
  const { tenant, port, from, count, filter = null } = which;
  await client.query(
    `with registered as (
       insert into posthorn.endpoints (tenant, url, secret)
       select
         $1,
         $2::text || n,
         'whsec_' || encode(sha256(convert_to('endpoint ' || n, 'UTF8')), 'base64')
       from generate_series($3::integer, $3::integer + $4::integer - 1) as n
       returning id
     )
     insert into posthorn.subscriptions (endpoint_id, event_type, filter)
     select id, 'order.*', $5::jsonpath from registered`,
    [tenant, urlOf(port, ''), from, count, filter],
  );
}
