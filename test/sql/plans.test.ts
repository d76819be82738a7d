import type { PoolClient, QueryResultRow } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queryOf, type SqlValues, sqlFile } from '../../src/db/sql-file.ts';
import { becameCodes } from '../../src/deliver/attempt-record.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// A queue that was emptied and filled again is the normal state of a service that recovers, and the worst one for the
// planner: its statistics say "nothing there". Claims of 5 to 7 s were seen. These tests hold the statements to their
// limits and their time under every plan that Postgres can be forced into.

const planModes: Readonly<Record<string, readonly string[]>> = {
  default: [],
  generic: ['plan_cache_mode = force_generic_plan'],
  engine: ['enable_seqscan = off', 'enable_hashjoin = off', 'enable_mergejoin = off'],
  'engine, generic': [
    'plan_cache_mode = force_generic_plan',
    'enable_seqscan = off',
    'enable_hashjoin = off',
    'enable_mergejoin = off',
  ],
  'no hash, no merge, no material, no sort': [
    'enable_hashjoin = off',
    'enable_mergejoin = off',
    'enable_material = off',
    'enable_sort = off',
    'enable_hashagg = off',
  ],
  'no nested loop': ['enable_nestloop = off'],
};

const deadLane = '6001';
const laneCount = 5_000;
const heldLanes = 200;
const lanes = Array.from({ length: 100 }, (_, at) => String(at + 1));

let database: TestDatabase;
let client: PoolClient;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  await client.query('alter table posthorn.queue set (autovacuum_enabled = off)');
  // Their statistics say "nothing there" as well.
  await client.query('alter table posthorn.lane_rules set (autovacuum_enabled = off)');
  await client.query('alter table posthorn.endpoints set (autovacuum_enabled = off)');
  await client.query('vacuum analyze posthorn.lane_rules, posthorn.endpoints');
  await client.query(
    `insert into posthorn.endpoints (url, max_in_flight)
     select 'http://limited.example/', 5 from generate_series(1, 50000)`,
  );
  await client.query(
    `insert into posthorn.lane_rules (lane, is_held, is_ordered)
     select 1000 + n, true, false from generate_series(1, $1::integer) as n`,
    [heldLanes],
  );
});

afterAll(async () => {
  client.release();
  await database.drop();
});

describe('with statistics taken when the queue was empty', () => {
  beforeAll(async () => {
    await client.query('vacuum analyze posthorn.queue');
    await fill();
  });
  holdTheirLimits();
});

describe('with statistics taken when the queue was emptied and not truncated', () => {
  beforeAll(async () => {
    // One row at the very end keeps vacuum from giving the pages back: many pages, no rows.
    await client.query('create table kept as select * from posthorn.queue');
    await client.query(
      `delete from posthorn.queue
       where webhook_id <> (select webhook_id from posthorn.queue order by ctid desc limit 1)`,
    );
    await client.query('vacuum analyze posthorn.queue');
    await client.query('insert into posthorn.queue select * from kept on conflict do nothing');
  });
  holdTheirLimits();
});

function holdTheirLimits() {
  it.each(Object.keys(planModes))('hold their limits in the plan mode "%s"', async (mode) => {
    await client.query('begin');
    try {
      for (const setting of planModes[mode] ?? []) await client.query(`set local ${setting}`);
      // Far above what they take (30 to 130 ms) and far below what they took (over 5 s).
      await client.query("set local statement_timeout = '4s'");
      const claimed = await claim();
      expect(claimed).toHaveLength(200);
      expect(claimed.filter(({ lane }) => lane === deadLane)).toHaveLength(0);
      expect(await leased()).toBe(200);
      expect(await scanLanes()).toBe(laneCount + 1 - heldLanes);
      await record(claimed);
    } finally {
      await client.query('rollback');
    }
  });
}

/** 300,000 webhooks of a dead lane, which are only passed over and so need no row in the outbox, and 20,000 of 5,000 others. */
async function fill(): Promise<void> {
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, $1, 1, now() - interval '1 hour' + n * interval '1 millisecond'
     from (select n, lpad(to_hex(n), 32, '0')::uuid as id from generate_series(1, 300000) as n) as made`,
    [deadLane],
  );
  await client.query(
    `with enqueued as (
       insert into posthorn.outbox (url, body)
       select 'http://alive.example/', '{}' from generate_series(1, 20000)
       returning id
     )
     insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, 1 + row_number() over () % $1, 1, now() - interval '10 s' + random() * interval '1 s'
     from enqueued`,
    [laneCount],
  );
}

async function claim(): Promise<{ webhook_id: string; number: number; lane: string }[]> {
  const rows = await run<{ webhook_id: string; number: number; lane: string }>('claim', {
    workerNumber: 1,
    maxWebhooks: 200,
    windowFromMs: Date.now() - 3_600_000 * 2,
    lanes,
    priorities: lanes.map(() => 1),
    quotas: lanes.map(() => 2),
    dueFromMs: lanes.map(() => 0),
    ranks: lanes.map(() => 1),
    areOwned: lanes.map(() => false),
    aheads: lanes.map(() => 1),
    freeSlots: JSON.stringify({ [deadLane]: 0 }),
    usualSlots: 8,
    usualGroupSlots: 512,
    maxNewest: 0,
    maxFound: 100,
    origins: lanes,
    tenants: lanes.map(() => null),
    leaseS: 90,
  });
  return rows.filter((row) => row.webhook_id !== null);
}

/** Not prepared under its name, so that it is planned again in each plan mode. */
async function run<Row extends QueryResultRow>(name: string, values: SqlValues): Promise<Row[]> {
  const { text, values: inOrder } = queryOf(sqlFile(name), values);
  return (await client.query<Row>(text, inOrder)).rows;
}

async function leased(): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    'select count(*)::integer as count from posthorn.queue where leased_by is not null',
  );
  return rows[0]?.count ?? 0;
}

async function scanLanes(): Promise<number> {
  const all = { afterLane: '-9223372036854775808', afterPriority: -1, maxHeads: 20_000 };
  return (await run('scan-lanes', { workerNumber: 1, ...all })).length;
}

/** A third failed, a third delivered, a third to be retried; the first under a number that is not its own. */
async function record(claimed: { webhook_id: string; number: number }[]): Promise<void> {
  const { failed, delivered, retry } = becameCodes;
  const became = claimed.map((_, at) => [failed, delivered, retry][at % 3]);
  const all = (value: unknown) => claimed.map(() => value);
  const rows = await run('record', {
    webhookIds: claimed.map((row) => row.webhook_id),
    numbers: claimed.map((row, at) => (at === 0 ? row.number + 1 : row.number)),
    became,
    ...{ statusCodes: all(200), errors: all(null), errorMessages: all(null) },
    ...{ responseBodies: all('ok'), areTruncated: all(false), durationsMs: all(1.5) },
    ...{ endedAgoMs: all(2), retryInS: all(60), reasons: all(null), uncounted: all(0) },
    ...{ workerNumbers: all(1), aliveKeys: [deadLane], neededLanes: [deadLane, ...lanes] },
  });
  expect(rows).toHaveLength(claimed.length - 1);
  const counts = await client.query(
    `select
       (select count(*)::integer from posthorn.outcomes where status = 'delivered') as delivered,
       (select count(*)::integer from posthorn.outcomes where status = 'failed') as failed,
       (select count(*)::integer from posthorn.queue where leased_by is not null) as leased,
       (select count(*)::integer from posthorn.queue where due_at > now()) as waiting,
       (select count(*)::integer from posthorn.attempts where finished_at is not null) as finished`,
  );
  expect(counts.rows[0]).toEqual({
    delivered: 67,
    failed: 66,
    leased: 1,
    waiting: 66,
    finished: 199,
  });
}
