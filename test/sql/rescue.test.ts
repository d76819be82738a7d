import { afterAll, beforeAll, expect, it } from 'vitest';
import { runSql, sqlFile } from '../../src/db/sql-file.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What a rescue does with a webhook that was there for several deaths of workers: it may be their cause.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

it.each([
  { ordered: false, uncounted: 1, waits: 'nothing' },
  { ordered: false, uncounted: 5, waits: 'the webhook' },
  { ordered: true, uncounted: 1, waits: 'nothing' },
  { ordered: true, uncounted: 5, waits: 'the lane' },
  { ordered: true, uncounted: 32_767, waits: 'the lane' },
])(
  'ordered $ordered, after $uncounted deaths: $waits waits',
  async ({ ordered, uncounted, waits }) => {
    await database.empty();
    const { pool } = database;
    await pool.query(
      `with e as (
       insert into posthorn.endpoints (url, ordered, max_in_flight) values ('https://example.com/', $1, 9) returning id
     )
     insert into posthorn.outbox (endpoint_id, body) select id, '' from e`,
      [ordered],
    );
    await pool.query(
      `update posthorn.queue
     set leased_by = 7, lease_until = now() + interval '1 minute', attempts = 32767, uncounted = $1`,
      [uncounted],
    );
    await runSql(pool, sqlFile('rescue'), { workerNumber: 7, keptIds: [] });
    const { rows } = await pool.query<{ waits: string; is_free: boolean }>(
      `select
       case
         when r.retry_at between now() + interval '20 seconds' and now() + interval '301 seconds' then 'the lane'
         when q.due_at between now() + interval '20 seconds' and now() + interval '301 seconds' then 'the webhook'
         when r.retry_at is null and q.due_at <= now() then 'nothing'
       end as waits,
       q.leased_by is null as is_free
     from posthorn.queue as q
     join posthorn.lane_rules as r on r.lane = q.lane`,
    );
    expect(rows).toEqual([{ waits, is_free: true }]);
  },
);
