import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sqlFile } from '../../src/db/sql-file.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// One million finished webhooks and a hundred thousand waiting ones: what each hot statement reads must be an index.

let database: TestDatabase;
let client: PoolClient;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  await client.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.1/' || n % 100, '' from generate_series(1, 1100000) as n`,
  );
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, posthorn.lane_of(url), 1, created_at
     from (select * from posthorn.outbox limit 100000) as waiting`,
  );
  await client.query(
    `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
     select id, id, posthorn.lane_of(url), 'delivered', 1
     from posthorn.outbox
     where not exists (select from posthorn.queue where webhook_id = id)`,
  );
  await client.query(
    `insert into posthorn.attempts (webhook_id, number, worker, finished_at)
     select webhook_id, 1, 1, now() from posthorn.outcomes`,
  );
  await client.query(
    `insert into posthorn.endpoints (url, max_in_flight)
     select 'http://127.0.0.1/' || n, case when n % 2 = 0 then 5 end from generate_series(1, 20000) as n`,
  );
  await client.query('analyze');
  // As the engine's connections are set.
  await client.query(
    'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off',
  );
});

afterAll(async () => {
  client.release();
  await database.drop();
});

it('claims by queue_for_discovery, queue_for_claim and primary keys alone', async () => {
  const plan = await explain(
    'claim',
    "1, 200, 0, '{7}', '{1}', '{5}', '{0}', '{1}', '{}', 8, 90, '{false}'",
  );
  expect(plan).toContain('queue_for_discovery');
  expect(plan).toContain('queue_for_claim');
  expect(plan).toContain('queue_pkey');
  expect(plan).toMatch(/outbox_\d{8}_pkey/);
  expect(plan).toContain('endpoints_pkey');
  expect(plan).toContain('lane_rules_pkey');
  expect(plan).not.toContain('Seq Scan');
});

it('records by primary keys alone', async () => {
  const { rows } = await client.query<{ id: string }>(
    'select webhook_id as id from posthorn.queue limit 1',
  );
  const plan = await explain(
    'record',
    `'{${rows[0]?.id}}', '{1}', '{1}', '{200}', '{null}', '{null}', '{ok}',
     '{false}', '{1}', '{1}', '{0}', '{null}', '{0}', '{1}', '{7}', '{}'`,
  );
  expect(plan).toContain('queue_pkey');
  expect(plan).toMatch(/attempts_\d{8}_pkey/);
  expect(plan).not.toContain('Seq Scan');
  // But for the breakers that are paused: results that are joined are each compared with each other.
  expect(plan.match(/Nested Loop/g)).toHaveLength(1);
});

it('scans the lanes by queue_for_claim alone', async () => {
  const plan = await explain('scan-lanes', '1');
  expect(plan).toContain('queue_for_claim');
  expect(plan).not.toContain('Seq Scan');
});

async function explain(name: string, args: string): Promise<string> {
  const statement = `statement_${name.replace('-', '_')}`;
  await client.query(`prepare ${statement} as ${sqlFile(name).text}`);
  const { rows } = await client.query<Record<string, string>>(
    `explain (costs off) execute ${statement}(${args})`,
  );
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}
