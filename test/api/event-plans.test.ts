import { afterAll, beforeAll, expect, it } from 'vitest';
import { findEvent } from '../../src/queries/find-event.ts';
import { listEvents } from '../../src/queries/list-events.ts';
import { listSubscriptions } from '../../src/queries/subscriptions.ts';
import { listTenants } from '../../src/queries/tenants.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { rowsRead } from '../support/rows-read.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// A page must cost the same whether there are a thousand events or ten million: it is counted how many rows Postgres reads
// for it, out of 100,000 events among 100,000 direct sends in 30 partitions, with two webhooks each.

let database: TestDatabase;
let api: TestApi;

beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  await pool.query(
    `select posthorn.make_partitions((now() at time zone 'UTC')::date - day) from generate_series(2, 30) as day`,
  );
  await pool.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  await pool.query(`
    insert into posthorn.endpoints (tenant, url) select 'tenant-' || n % 1000, 'http://example.com/' from generate_series(1, 2000) as n;
    insert into posthorn.subscriptions (endpoint_id, event_type)
    select id, 'order.' || n from posthorn.endpoints cross join generate_series(1, 10) as n;
    create table seed as
    select
      overlay(overlay(
        overlay(posthorn.uuid_floor(now() - n * interval '12 s')::text placing right(gen_random_uuid()::text, 17) from 20)
        placing '7' from 15 for 1) placing 'a' from 20 for 1)::uuid as id,
      n
    from generate_series(1, 200000) as n;
    insert into posthorn.outbox (id, url, event_type, tenant, body)
    select id, case when n % 2 = 0 then 'http://example.com/' end, case when n % 2 = 1 then 'order.paid' end,
      case when n % 2 = 1 then 'tenant-' || n % 1000 else '' end, '1'
    from seed;
    insert into posthorn.unmatched_events (event_id) select id from seed where n % 20 = 1;
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
    select posthorn.webhook_id(s.id, e.id), s.id, e.lane, 'delivered', 1
    from seed as s join posthorn.endpoints as e on e.tenant = 'tenant-' || s.n % 1000
    where s.n % 2 = 1 and s.n % 20 <> 1`);
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

const page = { limit: 50, before: undefined };
const costs = [
  ['all', {}, 50, 2_000],
  ['of a tenant', { tenant: 'tenant-7' }, 50, 2_000],
  ['of a tenant that has none', { tenant: 'no-such-tenant' }, 0, 100],
  ['of a type', { eventType: 'order.paid' }, 50, 2_000],
  ['of a type that none has', { eventType: 'no.such.type' }, 0, 11_000],
  ['with a text that none has', { text: 'no-such-text' }, 0, 11_000],
  ['without recipients', { isWithoutRecipients: true }, 50, 2_000],
  ['without recipients of another tenant', { isWithoutRecipients: true, tenant: 'x' }, 0, 21_000],
  ['of the next hour', { from: new Date(Date.now() + 3_600_000).toISOString() }, 0, 100],
] as const;

// With the statistics of an empty table, as after a restore, and with true ones.
for (const statistics of ['none', 'analyzed']) {
  it.each(costs)(
    `a page of events, %s, reads no more than it needs, with statistics "${statistics}"`,
    async (_name, which, count, most) => {
      if (statistics === 'analyzed') await database.pool.query('analyze');
      const read = await rowsRead(api.pool, async (connection) => {
        const { events } = await listEvents(connection, { ...page, which });
        expect(events).toHaveLength(count);
      });
      expect(read.sequential).toBe(0);
      expect(read.byIndex).toBeLessThan(most);
    },
  );

  it(`an event is read by its id, with statistics "${statistics}"`, async () => {
    if (statistics === 'analyzed') await database.pool.query('analyze');
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from seed where n = 99903',
    );
    const read = await rowsRead(api.pool, async (connection) => {
      const event = await findEvent(connection, rows[0]?.id ?? '');
      expect(event).toMatchObject({ recipients: 2, more: false });
      expect(event?.webhooks).toHaveLength(2);
    });
    expect(read.sequential).toBe(0);
    expect(read.byIndex).toBeLessThan(100);
  });

  it(`pages of subscriptions and tenants read no more than they need, with statistics "${statistics}"`, async () => {
    if (statistics === 'analyzed') await database.pool.query('analyze');
    for (const [which, count, most] of [
      [{}, 50, 1_000],
      [{ tenant: 'no-such-tenant' }, 0, 11_000],
    ] as const) {
      const read = await rowsRead(api.pool, async (connection) => {
        const { subscriptions } = await listSubscriptions(connection, { ...page, which });
        expect(subscriptions).toHaveLength(count);
      });
      expect([which, read.sequential, read.byIndex < most]).toEqual([which, 0, true]);
    }
    const read = await rowsRead(api.pool, async (connection) => {
      const { tenants, after } = await listTenants(connection, { limit: 50 });
      expect([tenants.length, after]).toEqual([50, tenants.at(-1)?.id]);
    });
    expect(read.sequential).toBe(0);
    // Of 2,000 endpoints, each jump could read all that are left.
    expect(read.byIndex).toBeLessThan(2_000);
  });
}

it('finds all events without recipients in the end, page by page', async () => {
  const found = new Set<string>();
  for (let before: string | null | undefined; before !== null; ) {
    const read = await listEvents(api.pool, {
      limit: 200,
      before,
      which: { isWithoutRecipients: true, tenant: 'tenant-21' },
    });
    for (const { id, tenant } of read.events) {
      expect(tenant).toBe('tenant-21');
      found.add(id);
    }
    before = read.before;
  }
  const { rows } = await database.pool.query<{ id: string }>(
    `select id from seed where n % 20 = 1 and n % 1000 = 21`,
  );
  expect(rows).toHaveLength(200);
  expect(found.size).toBe(200);
});
