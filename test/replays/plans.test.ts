import { beforeAll, expect, it } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { forFile } from '../support/world.ts';

// A step of a replay reads what it needs, however many have failed, whatever the planner knows of that.

const database = forFile(createTestDatabase);
const url = 'http://receiver.example/hook';

beforeAll(async () => {
  await database.pool.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  // 100,000 of two days; every tenth has failed, every hundredth of those goes to another URL.
  await database.pool.query(
    `with ids as (
       select n, overlay(posthorn.uuid_floor(now() - interval '1 day' + n * interval '800 ms')::text placing '7' from 15)::uuid as id
       from generate_series(1, 100000) as n
     ),
     enqueued as (
       insert into posthorn.outbox (id, url, body)
       select id, case when n % 1000 = 0 then 'http://other.example/' else $1 end, repeat('x', 300) from ids
     )
     insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason)
     select
       id, id, posthorn.lane_of(case when n % 1000 = 0 then 'http://other.example/' else $1 end),
       case when n % 10 = 0 then 'failed' else 'delivered' end::posthorn.webhook_status, 1, null
     from ids`,
    [url],
  );
});

it.each([
  { statistics: 'of an empty table', statement: 'select 1' },
  { statistics: 'of now', statement: 'analyze posthorn.outcomes, posthorn.outbox, posthorn.queue' },
])('with statistics $statistics', async ({ statement }) => {
  await database.pool.query(statement);
  // A thousand of 10,000 that failed: their rows are in a tenth of the pages. Each is looked up in the outbox, as it may share
  // its lane with another URL.
  expect(await pagesOf({ statuses: '{failed}', to: url, most: 1_000 })).toBeLessThan(8_000);
  // Ten of 10,000: the walk ends after 2,000 rows, and says where.
  expect(
    await pagesOf({ statuses: '{failed}', to: 'http://other.example/', most: 1_000 }),
  ).toBeLessThan(8_000);
  expect(await pagesOf({ statuses: '{delivered,pending}', to: url, most: 500 })).toBeLessThan(
    8_000,
  );
  // Nothing matches: 2,000 rows are looked up in the outbox, whatever is asked for.
  for (const choice of [`tenant => 'acme'`, `event_type => 'order.paid'`]) {
    const read = await pages(
      `select * from posthorn.matching(
         '{failed}', null, null, null, posthorn.uuid_floor(now() - interval '12 hours'),
         'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 2000, 1000, ${choice})`,
      [],
    );
    expect(read).toBeLessThan(12_000);
  }
  const page = await putBack();
  expect(page).toBeLessThan(40_000);
});

async function pagesOf(walk: { statuses: string; to: string; most: number }): Promise<number> {
  return await pages(
    `select * from posthorn.matching(
       $1, null, array[$2], null, posthorn.uuid_floor(now() - interval '12 hours'),
       'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 2000, $3)`,
    [walk.statuses, walk.to, walk.most],
  );
}

/** 1,000 of them, and undone. */
async function putBack(): Promise<number> {
  const { rows } = await database.pool.query<{ webhook_ids: string[] }>(
    `select webhook_ids from posthorn.matching('{failed}', null, null, null,
       '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 'infinity', 2000, 1000)`,
  );
  expect(rows[0]?.webhook_ids).toHaveLength(1_000);
  return await pages(`select * from posthorn.put_back($1, '{failed}')`, [rows[0]?.webhook_ids]);
}

interface Plan {
  readonly Plan: Record<'Shared Hit Blocks' | 'Shared Read Blocks' | 'Actual Total Time', number>;
}

async function pages(statement: string, values: unknown[]): Promise<number> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ 'QUERY PLAN': [Plan] }>(
      `explain (analyze, buffers, format json) ${statement}`,
      values,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    expect(plan?.['Actual Total Time']).toBeLessThan(2_000);
    return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
  } finally {
    await client.query('rollback');
    client.release();
  }
}
