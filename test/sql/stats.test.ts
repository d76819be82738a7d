import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

// What posthorn.take_stats() may cost, whatever is in the database: a scrape must not be a load.

/** Of 8 KiB: the pages of the queue that it reads, and what it takes to look 2,000 lanes up. */
const mostPages = 4_096;
const mostBuffers = mostPages + 2_000 * 12 + 2_000;

let database: TestDatabase;
let client: PoolClient;

beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.pool.connect();
  await client.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  // Statistics of a queue in which there was nothing, the worst ones for the planner.
  // A page has a third of the rows that it usually has: what is limited are pages, and rows cost time.
  await client.query('alter table posthorn.queue set (autovacuum_enabled = off, fillfactor = 15)');
  await client.query('vacuum analyze posthorn.queue');
});

afterAll(async () => {
  client.release();
  await database.drop();
});

it('reads nothing of what is past', async () => {
  // The first plans, for which catalogs are read.
  await take();
  const before = await take();
  await client.query(
    `insert into posthorn.outbox (url, body)
     select 'http://127.0.0.1/' || n % 100, '' from generate_series(1, 40000) as n`,
  );
  await client.query(
    `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
     select id, id, 1, 'delivered', 1 from posthorn.outbox`,
  );
  await client.query(
    'insert into posthorn.attempts (webhook_id, number, worker) select id, 1, 1 from posthorn.outbox',
  );
  // An analyze of these tables makes the next one plan again, and read catalogs.
  const after = [(await take()).buffers, (await take()).buffers, (await take()).buffers];
  expect(Math.min(...after)).toBeLessThan(before.buffers + 100);
});

it('counts exactly as long as the queue is small', async () => {
  await fill({ webhooks: 33_000, lanes: 5_000 });
  const { figures, buffers } = await take();
  expect(figures.is_estimated).toBe(false);
  expect(webhooks(figures)).toBe(33_000);
  expect(buffers).toBeLessThan(mostPages + 2_000);
});

it('reads no more than that of a large one, estimates it well, and says so', async () => {
  await fill({ webhooks: 50_000, lanes: 5_000 });
  const first = await take();
  expect(first.figures.is_estimated).toBe(true);
  expect(first.buffers).toBeLessThan(mostBuffers);
  expect(Math.abs(webhooks(first.figures) / 83_000 - 1)).toBeLessThan(0.1);
  await fill({ webhooks: 83_000, lanes: 5_000 });
  const second = await take();
  expect(Math.abs(webhooks(second.figures) / 166_000 - 1)).toBeLessThan(0.1);
  // Twice the queue, not twice the work.
  expect(second.buffers).toBeLessThan(first.buffers * 1.3);
});

it('finds the one webhook that is stuck in it, of whatever priority', async () => {
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     values (gen_random_uuid(), gen_random_uuid(), -9, 0, now() - interval '3 days')`,
  );
  const { figures } = await take();
  const [stuck] = figures.queue.filter(({ priority }) => priority === 0);
  expect(stuck).toMatchObject({ state: 'due' });
  expect(stuck?.oldest_due_s).toBeGreaterThan(3 * 86_400 - 1);
  await client.query(
    "insert into posthorn.breakers (key, state, url) values (-9, 'open', 'http://x/')",
  );
  const later = await take();
  const high = later.figures.queue.filter(({ priority }) => priority === 0);
  expect(high.map(({ state }) => state)).toEqual(['held']);
});

it.each([
  'enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off',
  'plan_cache_mode = force_generic_plan',
  'enable_nestloop = off',
  'jit = on',
])(
  'keeps to that whatever the caller has set: %s',
  async (settings) => {
    await client.query(`set ${settings}`);
    try {
      for (let time = 1; time <= 7; time += 1)
        expect((await take()).buffers).toBeLessThan(mostBuffers);
    } finally {
      await client.query('reset all');
    }
  },
  60_000,
);

interface Figures {
  readonly is_estimated: boolean;
  readonly queue: readonly {
    readonly priority: number;
    readonly state: string;
    readonly webhooks: number;
    readonly oldest_due_s: number;
  }[];
}

/** Has it counted; how many buffers that read, those of all its statements. */
async function take(): Promise<{ figures: Figures; buffers: number }> {
  await client.query("update posthorn.stats set taken_at = '-infinity', took_ms = 0");
  const explained = await client.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
    "explain (analyze, buffers, format json) select * from posthorn.take_stats('0')",
  );
  const plan = explained.rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
  const { rows } = await client.query<{ figures: Figures }>('select figures from posthorn.stats');
  const figures = rows[0]?.figures;
  if (figures === undefined) throw new Error('posthorn.stats is empty');
  return {
    figures,
    buffers: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
  };
}

function webhooks({ queue }: Figures): number {
  return queue.reduce((sum, row) => sum + row.webhooks, 0);
}

async function fill(rows: { webhooks: number; lanes: number }): Promise<void> {
  await client.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select gen_random_uuid(), gen_random_uuid(), n % $2::integer, 1, now() - n * interval '1 ms'
     from generate_series(1, $1::integer) as n`,
    [rows.webhooks, rows.lanes],
  );
}
