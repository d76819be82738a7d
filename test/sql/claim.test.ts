import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEnginePool } from '../../src/db/pools.ts';
import { type Claim, claimWebhooks } from '../../src/deliver/claim.ts';
import { ownGroup } from '../../src/domain/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import type { LaneWish } from '../../src/lanes/lane-wish.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';

// What one run of claim.sql gives, whatever the worker believes.

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  const log = createLog('silent');
  pool = createEnginePool({ databaseUrl: database.url, log, max: 1, applicationName: 'test' });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

beforeEach(() => database.empty());

function claim(
  wishes: readonly Partial<LaneWish>[],
  { limit = 100, fromMs }: { limit?: number; fromMs?: number } = {},
): Promise<Claim> {
  return claimWebhooks(pool, {
    workerNumber: 1,
    limit,
    wishes: wishes.map((wish) => ({
      lane: '0',
      groups: ownGroup('0'),
      priority: 1,
      quota: 1,
      dueFromMs: 0,
      rank: 1,
      isOwned: false,
      ...wish,
    })),
    windowFromMs: fromMs,
    constrained: {},
    usualSlots: 8,
    usualGroupSlots: 500,
    leaseS: 120,
  });
}

async function ownedLane(settings: Record<string, string | number | boolean>) {
  const endpoint = await registerEndpoint(database, { url: 'http://a.example/', ...settings });
  await database.pool.query('update posthorn.lane_rules set owner = 1');
  const { rows } = await database.pool.query<{ lane: string }>(
    'select lane from posthorn.endpoints',
  );
  return { endpoint, lane: rows[0]?.lane ?? '' };
}

describe('a limited lane', () => {
  it.each([{ max_in_flight: 2 }, { rate_limit_per_s: 1 }, { ordered: true }])(
    'with %j is not claimed for an owner that does not know of the limit',
    async (settings) => {
      const { endpoint, lane } = await ownedLane(settings);
      await endpoint.enqueue(20);
      const unaware = await claim([{ lane, quota: 20 }], { fromMs: 0 });
      expect(unaware.webhooks).toEqual([]);
      expect(unaware.discovered).toMatchObject([{ lane, access: 'mine' }]);
      expect((await claim([{ lane, isOwned: true }])).webhooks).toHaveLength(1);
    },
  );
});

describe('an ordered lane', () => {
  it('gives its webhooks in the order of sending, whatever priority they have in the queue', async () => {
    const { endpoint, lane } = await ownedLane({ ordered: true });
    await endpoint.enqueue(9);
    await database.pool.query('update posthorn.queue set priority = (random() * 2)::smallint');
    const bodies: string[] = [];
    for (let n = 0; n < 9; n += 1) {
      const { webhooks } = await claim([{ lane, isOwned: true }]);
      expect((await claim([{ lane, isOwned: true }])).webhooks).toEqual([]);
      bodies.push(...webhooks.map(({ body }) => body));
      await database.pool.query('delete from posthorn.queue where leased_by is not null');
    }
    expect(bodies).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  it('that has nothing does not make the others look empty', async () => {
    const { lane } = await ownedLane({ ordered: true });
    await database.pool.query(
      `insert into posthorn.outbox (url, body) select 'http://low' || n % 5 || '.example/', '{}' from generate_series(1, 500) as n`,
    );
    const { rows: lanes } = await database.pool.query<{ lane: string }>(
      'select distinct lane::text from posthorn.queue',
    );
    const { rows } = await database.pool.query<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::float8 as now',
    );
    await database.pool.query(
      `insert into posthorn.outbox (url, body) select 'http://new' || n || '.example/', '{}' from generate_series(1, 60) as n`,
    );
    const book = new LaneBook({ most: 512 });
    const rule = { isOrdered: true, maxInFlight: null, ratePerS: null, rateInMs: 0, retryInMs: 0 };
    book.own(lane, { rule, nowMs: 0 });
    for (const known of [lane, ...lanes.map((row) => row.lane)]) {
      book.add({ lane: known, priority: 1, dueMs: 0, groups: ownGroup(known) });
    }
    // The new lanes go first, and take all there is.
    const wishes = book.choose(20, 0).map((wish) => ({ ...wish, rank: 2 }));
    expect(wishes).toHaveLength(6);
    const { webhooks, isFull } = await claim(wishes, { limit: 20, fromMs: rows[0]?.now ?? 0 });
    expect(webhooks).toHaveLength(19);
    expect(isFull).toBe(true);
    book.learn({ wishes, claimed: webhooks, discovered: [], wasFull: isFull });
    // The ordered one is forgotten, and nothing else.
    expect(new Set(book.choose(100, 0).map((wish) => wish.lane))).toEqual(
      new Set(lanes.map((row) => row.lane)),
    );
  });
});

it('a claim is full only when there may be more', async () => {
  await database.pool.query(
    `insert into posthorn.outbox (url, body) select 'http://a.example/', '{}' from generate_series(1, 3)`,
  );
  const { rows } = await database.pool.query<{ lane: string }>(
    'select lane::text from posthorn.queue',
  );
  const lane = rows[0]?.lane ?? '';
  expect((await claim([{ lane, quota: 2 }], { limit: 2 })).isFull).toBe(true);
  expect((await claim([{ lane, quota: 2 }], { limit: 2 })).isFull).toBe(false);
});
