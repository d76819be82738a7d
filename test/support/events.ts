import type pg from 'pg';
import type { TestDatabase } from './database.ts';
import { type EndpointSettings, registerEndpoint, type TestEndpoint } from './endpoints.ts';

// Events, and what became of them.

export interface TestEvent {
  readonly tenant?: string;
  readonly eventType?: string;
  readonly body?: string;
}

/** An endpoint of the tenant "acme" that subscribes to everything, unless said otherwise. */
export async function subscriber(
  database: TestDatabase,
  settings: EndpointSettings = {},
  subscription: { readonly to?: readonly string[]; readonly filter?: string } = {},
): Promise<TestEndpoint> {
  const endpoint = await registerEndpoint(database, {
    ...{ tenant: 'acme', url: 'http://receiver.example/' },
    ...settings,
  });
  await subscribe(database.pool, { endpointId: endpoint.id, ...subscription });
  return endpoint;
}

/** Makes subscriptions; their ids. */
export async function subscribe(
  client: Pick<pg.Pool, 'query'>,
  options: {
    readonly endpointId: string;
    readonly to?: readonly string[];
    readonly filter?: string | null;
  },
): Promise<string[]> {
  const { endpointId, to = ['*'], filter = null } = options;
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.subscriptions (endpoint_id, event_type, filter)
     select $1, event_type, $3::jsonpath from unnest($2::text[]) as event_type
     returning id`,
    [endpointId, to, filter],
  );
  return rows.map(({ id }) => id);
}

/** Publishes an event in a statement of its own, of the tenant "acme" and the type "order.paid" unless said otherwise; its id. */
export async function publish(
  client: Pick<pg.Pool, 'query'>,
  { tenant = 'acme', eventType = 'order.paid', body = '{}' }: TestEvent = {},
): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3) returning id',
    [tenant, eventType, body],
  );
  return rows[0]?.id ?? '';
}

/** The endpoints that have a webhook of an event, waiting or ended, in the order of their ids: one as often as it has one. */
export async function recipientsOf(
  { pool }: Pick<TestDatabase, 'pool'>,
  eventId: string,
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select e.id
     from (
       select lane from posthorn.queue where outbox_id = $1
       union all
       select lane from posthorn.outcomes where outbox_id = $1
     ) as w
     left join posthorn.endpoints as e using (lane)
     order by e.id`,
    [eventId],
  );
  return rows.map(({ id }) => id);
}

/** Does what the jobs do with the events that were left to them, "most" endpoints at a time. */
export async function fanOutAll(client: Pick<pg.Pool, 'query'>, most = 1_000): Promise<void> {
  for (;;) {
    const { rowCount } = await client.query(
      'select f.* from posthorn.fan_outs as o cross join lateral posthorn.fan_out(o.event_id, $1) as f',
      [most],
    );
    if (rowCount === 0) return;
  }
}

export interface CatchUpStep {
  readonly status: 'running' | 'finished' | 'cancelled' | null;
  readonly webhooks: number | null;
  readonly isWaiting: boolean | null;
}

/** One step of each catch-up that is running, as the job makes it. */
export async function continueCatchUps(
  client: Pick<pg.Pool, 'query'>,
  { walk = 5_000, most = 1_000 } = {},
): Promise<CatchUpStep[]> {
  const { rows } = await client.query<CatchUpStep>(
    `select s.status, s.webhooks, s.is_waiting as "isWaiting"
     from posthorn.catch_ups as c
     cross join lateral posthorn.continue_catch_up(c.id, $1, $2) as s
     where c.status = 'running'`,
    [walk, most],
  );
  return rows;
}

/** Makes steps until no catch-up is running. Sessions of others must have ended their transactions. */
export async function catchUpAll(
  client: Pick<pg.Pool, 'query'>,
  options: { walk?: number; most?: number } = {},
): Promise<void> {
  while ((await continueCatchUps(client, options)).length > 0) {}
}
