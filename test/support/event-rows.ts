import type { TestDatabase } from './database.ts';

interface TestEvent {
  readonly tenant?: string;
  readonly type?: string;
  readonly body?: string;
}

/** Publishes events, each in its own statement; their ids in order. */
export async function publishEvents(
  { pool }: Pick<TestDatabase, 'pool'>,
  ...events: readonly TestEvent[]
): Promise<string[]> {
  const ids: string[] = [];
  for (const { tenant = 'acme', type = 'order.paid', body = '{}' } of events) {
    const { rows } = await pool.query<{ id: string }>(
      'insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3) returning id',
      [tenant, type, body],
    );
    ids.push(rows[0]?.id ?? '');
  }
  return ids;
}

/** An endpoint of a tenant that subscribes to a type of events. */
export async function subscribedEndpoint(
  { pool }: Pick<TestDatabase, 'pool'>,
  {
    tenant = 'acme',
    url = 'http://receiver.example/hook',
    to = '*',
    filter = null,
  }: {
    readonly tenant?: string;
    readonly url?: string;
    /** Null: no subscription. */
    readonly to?: string | null;
    readonly filter?: string | null;
  } = {},
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    'insert into posthorn.endpoints (tenant, url) values ($1, $2) returning id',
    [tenant, url],
  );
  const id = rows[0]?.id ?? '';
  if (to === null) return id;
  await pool.query(
    'insert into posthorn.subscriptions (endpoint_id, event_type, filter) values ($1, $2, $3)',
    [id, to, filter],
  );
  return id;
}

/** The id of the webhook that takes an event to an endpoint. */
export async function webhookOf(
  { pool }: Pick<TestDatabase, 'pool'>,
  { event, endpoint }: { readonly event: string; readonly endpoint: string },
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>('select posthorn.webhook_id($1, $2) as id', [
    event,
    endpoint,
  ]);
  return rows[0]?.id ?? '';
}
