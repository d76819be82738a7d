import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LaneAccess, SeenLane } from '../../src/lanes/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { LimitedLanes } from '../../src/lanes/limited-lanes.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';

// What a worker knows of a lane's limits while they change under it.

let database: TestDatabase;
let endpoint: TestEndpoint;
let lane: string;
let book: LaneBook;
const log = createLog('silent');
let limited: LimitedLanes;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version, seen_at) values (1, 'host', 1, '1.2.3', now() + interval '1 hour')`,
  );
});

afterAll(() => database.drop());

beforeEach(async () => {
  endpoint = await registerEndpoint(database, { url: 'http://a.example/', max_in_flight: 2 });
  lane = String((await endpoint.row())['lane']);
  book = new LaneBook({ most: 1_000 });
  limited = new LimitedLanes({ pool: database.pool, book, log });
});

/** How many of the lane the worker would ask for. */
function quota(): number {
  return book.choose(100, performance.now()).reduce((sum, wish) => sum + wish.quota, 0);
}

/** Somebody has changed the endpoint, and has not committed yet. */
async function changing(change: string): Promise<pg.PoolClient> {
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query(`update posthorn.endpoints set ${change} where id = $1`, [endpoint.id]);
  return client;
}

/** The lane as it was seen with work. */
function seen(access: LaneAccess): SeenLane {
  const groups = { tenant: null, origin: lane };
  return { lane, access, groups, priority: 1, dueMs: 0, tenantAccess: 'anyone' };
}

async function take(): Promise<void> {
  limited.want(lane);
  await limited.take(1);
}

describe('while somebody else has the row of its lane locked', () => {
  it('a worker keeps the limit that it has', async () => {
    await take();
    expect(quota()).toBe(2);
    const client = await changing('max_in_flight = 1');
    await take();
    expect([book.owned.has(lane), quota()]).toEqual([true, 2]);
    await client.query('commit');
    client.release();
    await take();
    expect(quota()).toBe(1);
  });

  it('a lane of nobody stays wanted, and is not asked for again and again', async () => {
    const client = await changing('max_in_flight = 1');
    await take();
    expect([book.owned.has(lane), limited.hasWanted, quota()]).toEqual([false, false, 0]);
    await client.query('rollback');
    client.release();
    await eventually(async () => {
      await limited.take(1);
      return book.owned.has(lane);
    }, 'it is taken');
    expect(quota()).toBe(2);
    // Now that it is taken, nothing is to be asked for.
    await database.pool.query('delete from posthorn.lane_rules where lane = $1', [lane]);
    await limited.take(1);
    expect(book.owned.has(lane)).toBe(true);
  });
});

describe('what is told while the rules are being read', () => {
  it('is asked for again', async () => {
    const { pool } = database;
    const slow = {
      query: async (query: pg.QueryConfig) => {
        const answer = await pool.query(query);
        await endpoint.set({ max_in_flight: 1 });
        limited.want(lane);
        return answer;
      },
    };
    limited = new LimitedLanes({ pool: slow as unknown as pg.Pool, book, log });
    await take();
    expect(limited.hasWanted).toBe(true);
    await limited.take(1);
    expect(quota()).toBe(1);
  });

  it('is not lost with a statement that fails', async () => {
    const gone = { query: () => Promise.reject(new Error('the connection is gone')) };
    limited = new LimitedLanes({ pool: gone as unknown as pg.Pool, book, log });
    await expect(take()).rejects.toThrow('gone');
    expect(limited.hasWanted).toBe(true);
  });
});

it.each([
  ['anyone', false, [true, false]],
  ['mine', true, [true, false]],
  ['mine', false, [false, true]],
  ['unowned', false, [false, true]],
  ['theirs', true, [false, false]],
  ['blocked', true, [false, false]],
] as const)(
  'a lane of %s, known as its own: %s, may be claimed and is wanted: %j',
  (access, isKnown, expected) => {
    const rule = { isOrdered: false, maxInFlight: 2, ratePerS: null, rateInMs: 0, retryInMs: 0 };
    if (isKnown) book.own(lane, { rule, nowMs: performance.now() });
    expect([limited.admits(seen(access)), limited.hasWanted]).toEqual(expected);
  },
);

it('a lane that is not limited any more is claimed like any other', async () => {
  await take();
  await endpoint.set({ max_in_flight: null });
  await take();
  expect(book.owned.has(lane)).toBe(false);
  expect(new Set(book.choose(100, performance.now()).map(({ isOwned }) => isOwned))).toEqual(
    new Set([false]),
  );
});

it('a lane of another worker is left to it', async () => {
  await take();
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version) values (2, 'host', 2, '1.2.3')`,
  );
  await database.pool.query('update posthorn.lane_rules set owner = 2 where lane = $1', [lane]);
  await take();
  expect(book.owned.has(lane)).toBe(false);
});

it('the rate of a lane that a former holder of the number has left is used up, whoever told of it', async () => {
  await endpoint.set({ max_in_flight: null, rate_limit_per_s: 0.1 });
  await database.pool.query('update posthorn.lane_rules set owner = 1 where lane = $1', [lane]);
  expect(limited.admits(seen('mine'))).toBe(false);
  // A change is told before the lane is taken.
  await take();
  expect(quota()).toBe(0);
  // By now it is known, and another change does not use the rate up once more.
  await endpoint.set({ rate_limit_per_s: 1_000 });
  await take();
  await eventually(async () => quota() > 0, 'it may send', 1_000);
});

it('the rate of a lane that was left long ago is all there', async () => {
  await endpoint.set({ max_in_flight: null, rate_limit_per_s: 0.1 });
  await take();
  expect(quota()).toBe(1);
});

it('a rate is used up for one turn at most, whatever the row says', async () => {
  await endpoint.set({ max_in_flight: null, rate_limit_per_s: 1_000 });
  await database.pool.query(
    `update posthorn.lane_rules set rate_from = now() + interval '1 year' where lane = $1`,
    [lane],
  );
  await take();
  await eventually(async () => quota() > 0, 'it may send', 10_000);
});

it('all lanes of a worker are read again, however many they are', async () => {
  const { rows } = await database.pool.query<{ lane: string }>(
    `insert into posthorn.endpoints (url, max_in_flight)
     select 'http://many-' || n || '.example/', 2 from generate_series(1, 600) as n
     returning lane::text`,
  );
  for (const row of rows) limited.want(row.lane);
  while (limited.hasWanted) await limited.take(1);
  await database.pool.query('update posthorn.endpoints set max_in_flight = 1');
  await limited.takeOwnedAgain(1);
  const wishes = book.choose(5_000, performance.now());
  expect(wishes).toHaveLength(600);
  expect(new Set(wishes.map((wish) => wish.quota))).toEqual(new Set([1]));
});
