import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { claimWebhooks } from '../../src/deliver/claim.ts';
import { DiscoveryWindow } from '../../src/lanes/discovery-window.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runFile } from '../support/rows.ts';

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
  await enqueue(500, { microseconds: 1 });
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
    const rows = await runFile<{ lane: string }>(database, 'scan-lanes', { workerNumber: 1 });
    for (const { lane } of rows) seen.add(lane);
  } while (window.hasMore);
  expect(seen.size).toBe(5_200);
  expect(scans).toBe(2);
  // What comes by again, as the window goes back for those that commit late, is known.
  do {
    const { needsScan } = await look(window);
    expect(needsScan).toBe(false);
  } while (window.hasMore);
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

it('what has just come is seen beside pages of what came before, and the pages go on as they would', async () => {
  const window = new DiscoveryWindow();
  await look(window);
  await enqueue(2_500, { microseconds: 1 });
  const all = new Set((await look(window)).lanes);
  await enqueue(300, { microseconds: 1 });
  const { rows } = await database.pool.query<{ lane: string }>(
    'select lane::text from posthorn.queue order by due_at desc limit 200',
  );
  const seen = await look(window, { maxNewest: 200 });
  expect(seen.lanes).toEqual(expect.arrayContaining(rows.map(({ lane }) => lane)));
  expect(seen.lanes).toHaveLength(450);
  for (const lane of seen.lanes) all.add(lane);
  while (window.hasMore) for (const lane of (await look(window)).lanes) all.add(lane);
  expect(all.size).toBe(2_800);
});

async function look(
  window: DiscoveryWindow,
  more: { maxNewest?: number } = {},
): Promise<{ lanes: string[]; needsScan: boolean }> {
  const claim = await claimWebhooks(database.pool, {
    workerNumber: 1,
    limit: 0,
    wishes: [],
    windowFromMs: window.fromMs,
    ...more,
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
