import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEndpoint } from '../../src/queries/find-endpoint.ts';
import { findWebhook } from '../../src/queries/find-webhook.ts';
import { listWebhooks } from '../../src/queries/list-webhooks.ts';
import { webhookStatuses } from '../../src/queries/webhook-row.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { rowsRead } from '../support/rows-read.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// A page must cost the same whether there are a thousand webhooks or ten million: it is counted how many rows Postgres
// reads for it, out of 120,000 finished ones in 30 partitions and 120,000 waiting ones.

let database: TestDatabase;
let api: TestApi;
/** All that waits is for it. */
let endpointId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  const { pool } = database;
  await pool.query(
    `select posthorn.make_partitions((now() at time zone 'UTC')::date - day) from generate_series(2, 30) as day`,
  );
  await pool.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  endpointId = (await registerEndpoint(database, { url: 'http://example.com/' })).id;
  await pool.query(`
    create table seed as
    select
      overlay(posthorn.uuid_floor(now() - n * interval '10 s')::text placing right(gen_random_uuid()::text, 17) from 20)::uuid as floor,
      n
    from generate_series(1, 240000) as n;
    alter table seed add id uuid;
    update seed set id = overlay(overlay(floor::text placing '7' from 15 for 1) placing 'a' from 20 for 1)::uuid;
    insert into posthorn.outbox (id, url, body) select id, 'http://example.com/', '1' from seed;
    insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
    select id, id, 1,
      case when n % 1000 = 1 then 'failed' when n % 1000 = 3 then 'cancelled' else 'delivered' end::posthorn.webhook_status, 1
    from seed where n % 2 = 1;
    insert into posthorn.attempts (webhook_id, number, worker) select id, 1, 1 from seed where n % 2 = 1;
    insert into posthorn.queue (webhook_id, outbox_id, lane, due_at, priority, lease_until)
    select id, id, (select lane from posthorn.endpoints), now(), 1, case when n > 239000 then now() + interval '1 hour' end
    from seed where n % 2 = 0`);
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

// With the statistics of an empty table, as after a restore, and with true ones.
describe.each(['none', 'analyzed'])('with statistics "%s"', (statistics) => {
  beforeAll(async () => {
    if (statistics === 'analyzed') await database.pool.query('analyze');
  });

  it.each(['any', ...webhookStatuses.filter((status) => status !== 'delivering')])(
    'reads no more than a page needs, with status "%s"',
    async (filter) => {
      const status = webhookStatuses.find((candidate) => candidate === filter);
      const read = await rowsRead(api.pool, async (connection) => {
        const page = await listWebhooks(connection, { status, limit: 50, before: undefined });
        expect(page.webhooks).toHaveLength(50);
      });
      expect(read.sequential).toBe(0);
      expect(read.byIndex).toBeLessThan(1_000);
    },
  );

  it.each(['any', ...webhookStatuses])(
    'looks at most 10,000 up for a page of text that none has, with status "%s"',
    async (filter) => {
      const status = webhookStatuses.find((candidate) => candidate === filter);
      const which = { text: 'no-such-customer' };
      const read = await rowsRead(api.pool, async (connection) => {
        const page = await listWebhooks(connection, {
          status,
          limit: 50,
          before: undefined,
          which,
        });
        expect(page.webhooks).toEqual([]);
      });
      expect(read.sequential).toBe(0);
      expect(read.byIndex).toBeLessThan(21_000);
    },
  );

  it.each(['any', ...webhookStatuses])(
    'walks no further than its limit for an endpoint that has nothing, a priority that none has and a period, with status "%s"',
    async (filter) => {
      const status = webhookStatuses.find((candidate) => candidate === filter);
      for (const { which, most } of [
        { which: { endpointId: '01a20a98-de68-7969-ab29-7c043a5c0896' }, most: 101_000 },
        { which: { priority: 'low' }, most: 21_000 },
        { which: { eventType: 'order.paid' }, most: 21_000 },
        { which: { tenant: 'acme' }, most: 41_000 },
        { which: { eventId: '01a20a98-de68-7969-ab29-7c043a5c0896' }, most: 1_000 },
        // None of them is so young: the period is where the index begins, not what is sorted out.
        { which: { from: new Date(Date.now() + 3_600_000).toISOString() }, most: 1_000 },
      ] as const) {
        const read = await rowsRead(api.pool, async (connection) => {
          const page = await listWebhooks(connection, {
            status,
            limit: 50,
            before: undefined,
            which,
          });
          expect(page.webhooks).toEqual([]);
        });
        expect([which, read.sequential]).toEqual([which, 0]);
        expect([which, read.byIndex <= most, read.byIndex]).toEqual([which, true, read.byIndex]);
      }
    },
  );

  it.each(['failed', 'cancelled'] as const)(
    'finds what of an endpoint %s without fetching what is of others',
    async (status) => {
      const which = { endpointId: '01a20a98-de68-7969-ab29-7c043a5c0896' };
      // What somebody may still see otherwise is not yet marked as visible to all.
      await eventually(async () => {
        await database.pool.query('vacuum posthorn.outcomes');
        const read = await rowsRead(api.pool, async (connection) => {
          const page = await listWebhooks(connection, {
            status,
            limit: 50,
            before: undefined,
            which,
          });
          expect(page).toEqual({ webhooks: [], before: null });
        });
        expect(read.sequential).toBe(0);
        expect(read.byIndex).toBeGreaterThanOrEqual(120);
        return read.fetched === 0;
      }, 'a page for which nothing is fetched');
    },
  );

  it("counts no more of an endpoint's backlog than it tells", async () => {
    const read = await rowsRead(api.pool, async (connection) => {
      const endpoint = await findEndpoint(connection, endpointId);
      expect(endpoint?.backlog.is_at_least).toBe(true);
    });
    expect(read.sequential).toBe(0);
    expect(read.byIndex).toBeLessThan(10_100);
  });
});

it('reads at most 100,000 rows for a page of those being delivered, and finds them all in the end', async () => {
  const first = await listWebhooks(api.pool, {
    status: 'delivering',
    limit: 50,
    before: undefined,
  });
  expect(first.webhooks).toHaveLength(0);
  expect(first.before).not.toBeNull();
  const read = await rowsRead(api.pool, (connection) =>
    listWebhooks(connection, { status: 'delivering', limit: 50, before: undefined }),
  );
  expect(read.sequential).toBe(0);
  expect(read.byIndex).toBeLessThan(101_000);
  const found = new Set<string>();
  for (let before = first.before; before !== null; ) {
    const page = await listWebhooks(api.pool, { status: 'delivering', limit: 50, before });
    for (const { id } of page.webhooks) found.add(id);
    before = page.before;
  }
  expect(found.size).toBe(500);
});

it('reads one webhook by its id alone', async () => {
  const { rows } = await database.pool.query<{ id: string }>(
    'select id from seed where n = 100001',
  );
  const read = await rowsRead(api.pool, (connection) => findWebhook(connection, rows[0]?.id ?? ''));
  expect(read.sequential).toBe(0);
  expect(read.byIndex).toBeLessThan(20);
});
