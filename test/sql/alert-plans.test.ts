import type { PoolClient } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prepareFile } from '../support/rows.ts';

// What the evaluation of the alert rules reads, once a minute, when things are bad: 300,000 webhooks wait, 1,000 endpoints
// fail, 500 of 50,000 are disabled. Counted in pages (8 KB), which no busy machine makes more or fewer; with statistics that
// say "nothing there", and with those that are right. The queue has 7,000 pages: none of them may be read in a row. (The
// backlog is what posthorn.take_stats() counts, for everybody.)

/** What each may read at most; it reads about half of that. */
const statements: Readonly<
  Record<string, { readonly values: Readonly<Record<string, string>>; readonly pages: number }>
> = {
  'alert-failures': { values: { windowS: '600', minAttempts: '20', maxNew: '100' }, pages: 1_300 },
  'alert-breakers': { values: { failingS: '900', maxNew: '100' }, pages: 5_000 },
  'alert-endpoints': {
    values: { failingS: '3600', minFailures: '5', maxNew: '100' },
    pages: 10_000,
  },
  'alert-tenants': { values: { maxNew: '100' }, pages: 600 },
  'alert-health': { values: {}, pages: 500 },
  'alert-horizon': { values: {}, pages: 500 },
  'alert-throttled': { values: { maxCounted: '10000' }, pages: 40_000 },
};

let database: TestDatabase;
let client: PoolClient;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  for (const table of ['queue', 'breakers', 'endpoints', 'tallies', 'lane_rules']) {
    await client.query(`alter table posthorn.${table} set (autovacuum_enabled = off)`);
  }
  await client.query('analyze');
  await fill();
});

afterAll(async () => {
  client.release();
  await database.drop();
});

describe.each(['wrong', 'right'])('with statistics that are %s', (statistics) => {
  beforeAll(async () => {
    if (statistics === 'right') await client.query('analyze');
  });

  it.each(Object.entries(statements))('%s reads no more than it may', async (name, limits) => {
    const { pages, plan, rows } = await run(name, limits.values);
    expect(pages, plan).toBeLessThan(limits.pages);
    expect(plan).not.toMatch(/Seq Scan[^}]*"(queue|outbox|attempts|outcomes)/);
    expect(rows).toBeLessThan(300);
  });
});

async function run(
  name: string,
  values: Readonly<Record<string, string>>,
): Promise<{ pages: number; plan: string; rows: number }> {
  await client.query('begin');
  try {
    await client.query(
      'set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off',
    );
    // As pg sends it: planned with the values.
    const execute = await prepareFile(client, { name, as: 'statement' }, values);
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (analyze, buffers, timing off, format json) ${execute}`,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    if (plan === undefined) throw new Error('no plan');
    return {
      pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
      plan: JSON.stringify(plan),
      rows: plan['Actual Rows'],
    };
  } finally {
    await client.query('deallocate all');
    await client.query('rollback');
  }
}

interface PlanNode {
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly 'Actual Rows': number;
}

/** Lane 1 is dead, with 200,000 due webhooks and an open breaker; the other 100,000 are for 3,000 lanes. */
async function fill(): Promise<void> {
  await client.query(
    `insert into posthorn.tenants (id, max_waiting, full_since)
     select n, 9, case when n <= 100 then now() end from generate_series(1, 50000) as n`,
  );
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, case when n <= 200000 then 1 else 2 + n % 3000 end, n / 3 % 2,
       now() - interval '1 hour' + n * interval '1 millisecond'
     from (select n, lpad(to_hex(n), 32, '0')::uuid as id from generate_series(1, 300000) as n) as made`,
  );
  await client.query(
    `insert into posthorn.breakers (key, url, state, consecutive, failing_since, open_until)
     select case n when 1 then 1 else 10000 + n end, 'http://dead.example/' || n, 'open', 9, now() - interval '2 hours', now()
     from generate_series(1, 500) as n`,
  );
  await client.query(
    `insert into posthorn.endpoints (url, status, status_reason)
     select 'http://limited.example/' || n,
       case when n <= 500 then 'disabled' else 'active' end::posthorn.endpoint_status,
       case when n <= 500 then 'failing' end
     from generate_series(1, 50000) as n`,
  );
  await client.query(
    `insert into posthorn.breakers (key, url, consecutive, failing_since)
     select lane, url, 9, now() - interval '2 hours' from posthorn.endpoints where status = 'active' limit 500`,
  );
  // A backlog that was told of, for 500 lanes whose receivers have throttled them.
  await client.query(
    `insert into posthorn.alerts (rule, severity, summary, step, fired_at) values ('backlog_age', 'critical', '', 1, now())`,
  );
  await client.query(
    `insert into posthorn.breakers (key, url, throttled_until)
     select n, 'http://busy.example/' || n, now() + interval '1 hour' from generate_series(2, 501) as n`,
  );
  // Four workers, an hour: a row for all and 200 for endpoints that fail, four times a minute; and 2,000 for others, every five
  // minutes.
  await client.query(
    `insert into posthorn.tallies (counted_at, worker, endpoint_id, attempts, failures, is_watched)
     select now() - at * interval '15 seconds', worker, e.id, 10, 5, e.id is not null
     from generate_series(0, 239) as at
     cross join generate_series(1, 4) as worker
     cross join (select null::uuid as id union all (select id from posthorn.endpoints limit 200)) as e`,
  );
  await client.query(
    `insert into posthorn.tallies (counted_at, worker, endpoint_id, attempts, failures)
     select now() - at * interval '5 minutes', worker, e.id, 10, 0
     from generate_series(0, 11) as at
     cross join generate_series(1, 4) as worker
     cross join (select id from posthorn.endpoints order by id desc limit 2000) as e`,
  );
}
