import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What publishing reads depends on the recipients of the event and on nothing else, whatever the planner believes: sessions keep
// the plans of their first inserts, from when there were no subscriptions, and statistics say so for a while longer.

const others = 3_000;
const recipients = 10;

let database: TestDatabase;
/** It has published before there was a subscription. */
let old: PoolClient;
let fresh: PoolClient;
let endpointId = '';

beforeAll(async () => {
  database = await createTestDatabase();
  old = await database.pool.connect();
  await old.query(`
    alter table posthorn.subscriptions set (autovacuum_enabled = off);
    alter table posthorn.endpoints set (autovacuum_enabled = off)`);
  await old.query('vacuum analyze posthorn.subscriptions, posthorn.endpoints');
  for (let times = 0; times < 7; times += 1) await publish(old, 'acme');
  await old.query(
    `with registered as (
       insert into posthorn.endpoints (tenant, url)
       select case when n <= $2 then 'acme' else 'tenant ' || n end, 'http://receiver.example/' || n
       from generate_series(1, $1::integer) as n
       returning id
     )
     insert into posthorn.subscriptions (endpoint_id, event_type, filter)
     select id, event_type, case when event_type = '*' then '$.total > 5'::jsonpath end
     from registered
     cross join unnest(array['order.paid', '*']) as event_type`,
    [others, recipients],
  );
  const { rows } = await old.query<{ id: string }>(
    `select id from posthorn.endpoints where tenant = 'acme' order by id limit 1`,
  );
  endpointId = rows[0]?.id ?? '';
  // A session may hand in what it has counted in several portions.
  for (let last = -1, now = await rowsRead(old); now !== last; ) {
    last = now;
    now = await rowsRead(old);
  }
  fresh = await database.pool.connect();
});

afterAll(async () => {
  old.release();
  fresh.release();
  await database.drop();
});

describe.each([
  ['that has published before there were subscriptions', () => old],
  ['that begins', () => fresh],
])('a session %s', (_, client) => {
  it.each([
    ['publishes to 10 of 3,000 endpoints', () => publish(client(), 'acme'), 60],
    ['publishes to none', () => publish(client(), 'nobody'), 10],
    [
      'publishes above the limit',
      async () => {
        await client().query('set posthorn.fan_out_limit = 3');
        await publish(client(), 'acme');
        await client().query('reset posthorn.fan_out_limit');
      },
      60,
    ],
    [
      'finds what an endpoint has missed',
      () =>
        client().query(`select posthorn.catch_up($1, now() - interval '1 hour', true)`, [
          endpointId,
        ]),
      200,
    ],
    [
      'fans an event out',
      () =>
        client().query(
          `select posthorn.fan_out(event_id, 5) from posthorn.fan_outs order by event_id limit 1`,
        ),
      80,
    ],
    [
      'says who receives an event',
      () => client().query(`select * from posthorn.recipients('acme', 'order.paid', '{}')`),
      120,
    ],
  ])('%s', async (_name, work, most) => {
    const before = await rowsRead(client());
    await work();
    expect((await rowsRead(client())) - before).toBeLessThan(most);
  });
});

async function publish(client: PoolClient, tenant: string): Promise<void> {
  await client.query({
    name: 'publish',
    text: 'insert into posthorn.events (tenant, event_type, body) values ($1, $2, $3)',
    values: [tenant, 'order.paid', '{"total": 1}'],
  });
}

/** The rows of endpoints and subscriptions that Postgres has read. */
async function rowsRead(client: PoolClient): Promise<number> {
  await client.query('select pg_stat_force_next_flush()');
  const { rows } = await client.query<{ rows: number }>(
    `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as rows
     from pg_stat_user_tables
     where schemaname = 'posthorn' and relname in ('subscriptions', 'endpoints')`,
  );
  return rows[0]?.rows ?? Number.NaN;
}
