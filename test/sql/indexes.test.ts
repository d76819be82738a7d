import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { prepareFile } from '../support/rows.ts';

// A hundred thousand finished webhooks and ten thousand waiting ones: what each hot statement reads must be an index. No plan is
// another one with ten times as many.

let database: TestDatabase;
let client: PoolClient;
let prepared = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  await client.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.1/' || n % 100, '' from generate_series(1, 110000) as n`,
  );
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, posthorn.lane_of(url), 1, created_at
     from (select * from posthorn.outbox limit 10000) as waiting`,
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
     select 'http://127.0.0.1/' || n, case when n % 2 = 0 then 5 end from generate_series(1, 2000) as n`,
  );
  // Failing lanes of a few origins, and ten thousand origins.
  await client.query(
    `insert into posthorn.breakers (key, url, state)
     select n, 'http://' || n % 10 || '.example/' || n, 'open'::posthorn.breaker_state from generate_series(1, 5000) as n
     union all
     select posthorn.origin_of(url), url, 'open'
     from (select 'http://' || n || '.example' as url from generate_series(1, 10000) as n) as origins`,
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

const scanValues = { workerNumber: '1', afterLane: '0', afterPriority: '0', maxHeads: '500' };
const claimValues = {
  ...{
    workerNumber: '1',
    maxWebhooks: '200',
    windowFromMs: '0',
    maxNewest: '200',
    maxFound: '200',
    leaseS: '90',
  },
  ...{ lanes: `'{7}'`, priorities: `'{1}'`, quotas: `'{5}'`, dueFromMs: `'{0}'`, ranks: `'{1}'` },
  ...{ areOwned: `'{false}'`, aheads: `'{1}'`, freeSlots: `'{}'`, usualSlots: '8' },
  ...{ usualGroupSlots: '16', origins: `'{7}'`, tenants: `'{8}'` },
};

it('claims by queue_for_discovery, queue_for_claim and primary keys alone', async () => {
  const plan = await explain('claim', claimValues);
  expect(plan).toContain('queue_for_discovery');
  expect(plan).toContain('queue_for_claim');
  expect(plan).toContain('queue_pkey');
  expect(plan).toMatch(/outbox_\d{8}_pkey/);
  expect(plan).toContain('endpoints_lane_is_unique');
  expect(plan).toContain('lane_rules_pkey');
  expect(plan).not.toContain('Seq Scan');
});

it('records by primary keys alone', async () => {
  const { rows } = await client.query<{ id: string }>(
    'select webhook_id as id from posthorn.queue limit 1',
  );
  const plan = await explain('record', {
    ...{ webhookIds: `'{${rows[0]?.id}}'`, numbers: `'{1}'`, became: `'{1}'` },
    ...{ statusCodes: `'{200}'`, errors: `'{null}'`, errorMessages: `'{null}'` },
    ...{ responseBodies: `'{ok}'`, areTruncated: `'{false}'`, durationsMs: `'{1}'` },
    ...{ endedAgoMs: `'{1}'`, retryInS: `'{0}'`, reasons: `'{null}'`, uncounted: `'{0}'` },
    ...{ workerNumbers: `'{1}'`, aliveKeys: `'{7}'`, neededLanes: `'{}'` },
  });
  expect(plan).toContain('queue_pkey');
  expect(plan).toMatch(/attempts_\d{8}_pkey/);
  expect(plan).not.toContain('Seq Scan');
  // But for the breakers that are paused: results that are joined are each compared with each other.
  expect(plan.match(/Nested Loop/g)).toHaveLength(1);
});

it('scans the lanes by queue_for_claim alone', async () => {
  const plan = await explain('scan-lanes', scanValues);
  expect(plan).toContain('queue_for_claim');
  expect(plan).not.toContain('Seq Scan');
});

it.each([
  [
    'watch-lanes',
    {
      ...{
        keys: `'{7,8}'`,
        urls: `'{http://7.example/7,http://8.example/8}'`,
        failures: `'{0,0}'`,
      },
      ...{ failingS: `'{0,0}'`, mostLanes: '100' },
    },
    ['breakers_pkey', 'breakers_for_origins', 'endpoints_lane_is_unique'],
  ],
  ['forget-lanes', { origins: `'{7}'` }, ['breakers_pkey', 'breakers_for_origins']],
  [
    'probe',
    {
      ...{ workerNumber: '1', maxProbes: '20', leaseS: '90' },
      ...{ origins: `'{7}'`, originLanes: `'{8}'` },
    },
    ['breakers_pkey', 'breakers_for_probe', 'queue_for_claim', 'endpoints_lane_is_unique'],
  ],
] as const)('%s looks everything up by indexes', async (name, values, indexes) => {
  const plan = await explain(name, values);
  for (const index of indexes) expect(plan).toContain(index);
  expect(plan).not.toContain('Seq Scan');
});

it.each(['as there are', 'as if there were none'])(
  'claims and scans look breakers up by their keys, with statistics %s',
  async (statistics) => {
    if (statistics === 'as if there were none') {
      // As it mostly is, until an outage.
      await client.query('delete from posthorn.breakers');
      await client.query('vacuum analyze posthorn.breakers');
    }
    for (const [name, values] of [
      ['claim', claimValues],
      ['scan-lanes', scanValues],
    ] as const) {
      const lines = (await explain(name, values)).split('\n');
      const reads = lines.flatMap((line, at) =>
        /on breakers\b/.test(line) ? [lines.slice(at, at + 2)] : [],
      );
      expect(reads.length).toBeGreaterThan(1);
      for (const [read, condition] of reads) {
        expect(read).toContain('Index Scan using breakers_pkey');
        expect(condition).toMatch(/Index Cond: \(?\(?key = /);
      }
    }
  },
);

async function explain(name: string, values: Readonly<Record<string, string>>): Promise<string> {
  prepared += 1;
  const as = `statement_${prepared}`;
  const execute = await prepareFile(client, { name, as }, values);
  const { rows } = await client.query<Record<string, string>>(`explain (costs off) ${execute}`);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}
