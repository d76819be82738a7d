import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import { DiscoveryWindow } from '../../src/lanes/discovery-window.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { scanAll } from '../support/scan.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(() => database.empty());

it('many lanes that are due at one instant are all discovered, by the window or by the scan that it asks for', async () => {
  const window = new DiscoveryWindow();
  await look(window);
  // Two instants with more than a page each, and others before, between and after them.
  await enqueue(100, { microseconds: 1 });
  await enqueue(2_500, { microseconds: 0 });
  await enqueue(500, { microseconds: 1 });
  await enqueue(1_200, { microseconds: 0 });
  await enqueue(500, { microseconds: 1 });
  const seen = new Set<string>();
  let scans = 0;
  do {
    const { lanes, needsScan } = await look(window);
    for (const lane of lanes) seen.add(lane);
    if (!needsScan) continue;
    scans += 1;
    const rows = await scanAll(database, 1, { maxHeads: 1_000 });
    for (const { lane } of rows) seen.add(lane);
  } while (window.hasMore);
  expect(seen.size).toBe(4_800);
  expect(scans).toBe(1);
});

it('a page that ends within an instant goes on there, without a scan', async () => {
  const window = new DiscoveryWindow();
  await look(window);
  await enqueue(200, { microseconds: 1 });
  await enqueue(225, { microseconds: 0 });
  const seen = new Set<string>();
  do {
    const { lanes, needsScan } = await look(window);
    for (const lane of lanes) seen.add(lane);
    expect(needsScan).toBe(false);
  } while (window.hasMore);
  expect(seen.size).toBe(425);
});

it('what has just come is seen beside the second of two full pages, and leaves the rest to a scan', async () => {
  const window = new DiscoveryWindow();
  await look(window);
  await enqueue(2_500, { microseconds: 1 });
  const all = new Set((await look(window)).lanes);
  await enqueue(300, { microseconds: 1 });
  const { rows } = await database.pool.query<{ lane: string }>(
    'select lane::text from posthorn.queue order by due_at desc limit 64',
  );
  const seen = await look(window);
  expect(seen.lanes).toEqual(expect.arrayContaining(rows.map(({ lane }) => lane)));
  expect(seen.lanes).toHaveLength(250 + 64);
  for (const lane of seen.lanes) all.add(lane);
  expect([all.size, seen.needsScan, window.hasMore]).toEqual([499 + 64, true, false]);
});

async function look(window: DiscoveryWindow): Promise<{ lanes: string[]; needsScan: boolean }> {
  const claim = await claimWebhooks(database.pool, {
    workerNumber: 1,
    limit: 0,
    wishes: [],
    windowFromMs: window.fromMs,
    maxNewest: window.maxNewest,
    constrained: {},
    usualSlots: 8,
    usualGroupSlots: 500,
    leaseS: 120,
  });
  const needsScan = window.move(claim);
  return { lanes: claim.discovered.map(({ lane }) => lane), needsScan };
}

/** So many lanes with one webhook each, due from now on, so many microseconds apart. */
async function enqueue(lanes: number, { microseconds }: { microseconds: number }): Promise<void> {
  await database.pool.query(
    `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
     select id, id, hashtextextended(id::text, 0), 1, now() + n * $2::integer * interval '1 microsecond'
     from (select n, posthorn.uuid_v7() as id from generate_series(1, $1) as n offset 0) as ids`,
    [lanes, microseconds],
  );
}
