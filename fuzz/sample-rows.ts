import type pg from 'pg';

/*
 * Rows for the requests to meet: webhooks, events, endpoints and replays of every status, with secrets that must not be seen
 * again. They are added again now and then, because requests cancel, delete and send again what is there.
 */

/** Ids by the first step of the path that they belong to. */
export type SampleIds = Readonly<
  Record<
    'webhooks' | 'events' | 'endpoints' | 'subscriptions' | 'tenants' | 'replays',
    readonly string[]
  >
>;

/** Inserts one of each kind. */
export async function insertSamples(client: pg.Client, planted: string): Promise<SampleIds> {
  const endpoints = await insertEndpoints(client, planted);
  const subscriptions = await insertSubscriptions(client, endpoints);
  const events = await insertEvents(client, planted);
  const webhooks = [
    ...(await insertWebhooks(client, { planted, endpoint: undefined })),
    ...(await insertWebhooks(client, { planted, endpoint: endpoints[0] })),
  ];
  await client.query(
    `update posthorn.endpoints
     set status = case when n % 5 = 0 then 'deleted' when n % 5 = 1 then 'paused' else 'disabled' end::posthorn.endpoint_status
     from unnest($1::uuid[]) with ordinality as chosen (id, n)
     where endpoints.id = chosen.id and n % 5 < 3`,
    [endpoints],
  );
  const replays = await insertReplays(client, endpoints);
  return { endpoints, subscriptions, events, webhooks, replays, tenants };
}

const tenants = ['acme', 'globex', 'Müller & Co/1'];

/** To each of the types that textOf() in valid.ts can make, and with a filter. */
async function insertSubscriptions(
  client: pg.Client,
  endpoints: readonly string[],
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.subscriptions (endpoint_id, event_type, filter)
     select id, (array['*', 'order.*', 'order.paid'])[1 + n % 3], case when n % 2 = 0 then '$.n >= 1'::jsonpath end
     from unnest($1::uuid[]) with ordinality as e (id, n)
     returning id`,
    [endpoints],
  );
  await client.query(
    'update posthorn.subscriptions set ended_at = now() where id = any ($1::uuid[]) and ended_at is null',
    [rows.slice(0, 2).map(({ id }) => id)],
  );
  return rows.map(({ id }) => id);
}

/** With recipients and without, and one that a job has to fan out. */
async function insertEvents(client: pg.Client, planted: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.events (tenant, event_type, body, headers, idempotency_key)
     select tenant, 'order.paid', jsonb_build_object('text', $1::text, 'n', 2)::text,
       jsonb_build_object('X-Planted', $1::text), gen_random_uuid()::text
     from unnest($2::text[] || array['', '*']) as tenant
     returning id`,
    [planted, tenants],
  );
  return rows.map(({ id }) => id);
}

async function insertEndpoints(client: pg.Client, planted: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.endpoints
       (tenant, url, description, secret, headers, max_in_flight, rate_limit_per_s, timeout_ms, retry_schedule_s, ordered)
     select
       ($2::text[])[1 + n % 4], 'https://example.com/hooks/' || n, 'Sample ' || n, $1, jsonb_build_object('X-Planted', $1::text),
       case when n % 2 = 0 then n end, case when n % 3 = 0 then n end, case when n % 4 = 0 then 1000 end,
       case when n % 3 = 1 then array[1, 60] end, n % 4 = 1
     from generate_series(1, 10) as n
     returning id`,
    [planted, [...tenants, '']],
  );
  return rows.map(({ id }) => id);
}

/** One pending, one for later, one under way, and of those that have ended each status. */
async function insertWebhooks(
  client: pg.Client,
  { planted, endpoint }: { readonly planted: string; readonly endpoint: string | undefined },
): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.outbox (url, endpoint_id, body, headers, secret, send_at, max_attempts, traceparent, idempotency_key, priority)
     select
       case when $2::uuid is null then 'https://example.com/hooks' end, $2,
       jsonb_build_object('text', $1::text)::text, jsonb_build_object('X-Planted', $1::text), $1,
       case when n % 2 = 0 then now() + interval '1 day' end, case when n % 3 = 0 then 3 end,
       case when n % 2 = 0 then '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' end,
       case when n % 2 = 1 then gen_random_uuid()::text end,
       (array['high', 'normal', 'low'])[1 + n % 3]
     from generate_series(1, 6) as n
     returning id`,
    [planted, endpoint],
  );
  const ids = rows.map(({ id }) => id);
  await client.query(
    `with chosen as (
       select id, n from unnest($1::uuid[]) with ordinality as chosen (id, n)
     ), leased as (
       update posthorn.queue
       set lease_until = now() + interval '1 hour', leased_by = 1, attempts = 1
       from chosen
       where webhook_id = id and n = 3
     ), ended as (
       delete from posthorn.queue using chosen where webhook_id = id and n > 3
       returning webhook_id, outbox_id, lane, n
     ), tried as (
       insert into posthorn.attempts (webhook_id, number, worker, finished_at, duration_ms, status_code, error, response_body)
       select webhook_id, tries, 1, now(), 1, 503, 'http_503', 'No.'
       from ended
       cross join generate_series(1, 2) as tries
     )
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, last_status_code, reason)
     select
       webhook_id, outbox_id, lane,
       case n when 4 then 'delivered' when 5 then 'failed' else 'cancelled' end::posthorn.webhook_status,
       2, 503, 'http_503'
     from ended`,
    [ids],
  );
  return ids;
}

async function insertReplays(client: pg.Client, endpoints: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    `insert into posthorn.replays (status, endpoint_id, matched, is_at_least, rate_limit_per_s, finished_at)
     select status, $1, 5, false, 10, case when status in ('finished', 'cancelled') then now() end
     from unnest(enum_range(null::posthorn.replay_status)) as status
     returning id`,
    [endpoints[3]],
  );
  return rows.map(({ id }) => id);
}
