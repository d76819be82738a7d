import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { LaneCache } from '../../src/cache/lane-cache.ts';
import type { LaneHint } from '../../src/cache/lane-hint.ts';
import { createEvents } from '../../src/events.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { LaneScan } from '../../src/lanes/lane-scan.ts';
import { LimitedLanes } from '../../src/lanes/limited-lanes.ts';
import { ProbeLanes } from '../../src/lanes/probe-lanes.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { clear, inS, plant, plantQueue } from '../support/rows.ts';

// What a scan tells the book and the other workers. Lane 1 has no limits; lanes 2, 3 and 4 are ours, of nobody and of worker 2.

let database: TestDatabase;
let book: LaneBook;
let limited: LimitedLanes;
const log = createLog('silent');

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  await clear(database);
  await plant(
    database,
    'lane_rules',
    [2, 3, 4].map((lane) => ({
      lane,
      is_held: false,
      is_ordered: false,
      max_in_flight: 1,
      owner: [1, null, 2][lane - 2],
    })),
  );
  book = new LaneBook({ most: 512 });
  const rule = { isOrdered: false, maxInFlight: 1, ratePerS: null, rateInMs: 0, retryInMs: 0 };
  // On the clock of the scan, which releases what has been idle for long.
  book.own('2', { rule, nowMs: performance.now() });
});

function enqueue(): Promise<void> {
  return plantQueue(
    database,
    [1, 2, 3, 4].map((lane) => ({ n: lane, lane, due_at: inS(-60) })),
  );
}

function scanWith({
  pool = database.pool,
  cache,
  everyMs = 60_000,
  found,
}: {
  pool?: Pick<pg.Pool, 'query'>;
  cache?: Partial<LaneCache>;
  everyMs?: number;
  found?: () => void;
}): LaneScan {
  limited = new LimitedLanes({ pool: database.pool, book, log });
  return new LaneScan({
    pool: pool as pg.Pool,
    book,
    limited,
    probeLanes: new ProbeLanes(),
    events: createEvents(),
    log,
    cache: cache as LaneCache | undefined,
    everyMs,
    ...(found === undefined ? {} : { found }),
  });
}

async function runWhenDue(scan: LaneScan): Promise<void> {
  await scan.lookWhenDue(1);
  while (scan.noteSome());
}

function lanesOfBook(): string[] {
  return book
    .choose(100, performance.now())
    .map(({ lane }) => lane)
    .sort();
}

it('finds the lanes that may be claimed, and shares those that any worker may claim', async () => {
  await enqueue();
  const shared: LaneHint[] = [];
  const share = async (lanes: readonly LaneHint[]) => void shared.push(...lanes);
  await scanWith({ cache: { share } }).run(1);
  expect(lanesOfBook()).toEqual(['1', '2']);
  expect(shared).toEqual([
    {
      lane: '1',
      priority: 1,
      dueMs: expect.closeTo(Date.now() - 60_000, -5),
      groups: { tenant: null, origin: '1' },
    },
  ]);
  // The lane of nobody is to be taken; the owner of the other one may be frozen.
  expect(limited.hasWanted).toBe(true);
  await limited.take(1);
  expect([book.owned.has('3'), book.owned.has('4')]).toEqual([true, true]);
});

it('of another worker gives hints, and the lanes of this worker are looked at as well', async () => {
  const scan = scanWith({
    cache: {
      share: async () => {},
      mayScan: async () => false,
      hints: async () => [
        { lane: '9', priority: 1, dueMs: 1, groups: { tenant: null, origin: '9' } },
      ],
    },
    everyMs: 0,
  });
  await runWhenDue(scan);
  expect(lanesOfBook()).toEqual([]);
  await enqueue();
  // A scan that took long is followed by a longer pause.
  const found = await eventually(async () => {
    await runWhenDue(scan);
    return lanesOfBook().length === 2 && lanesOfBook();
  }, 'the pause is over');
  expect(found).toEqual(['2', '9']);
});

it('that fails is tried again soon, because nothing else finds what it was asked for', async () => {
  await enqueue();
  let asked = 0;
  const query = ((...given: Parameters<pg.Pool['query']>) => {
    asked += 1;
    if (asked === 1) return Promise.reject(new Error('the connection is gone'));
    return database.pool.query(...given);
  }) as pg.Pool['query'];
  const scan = scanWith({ pool: { query } });
  await eventually(async () => {
    await runWhenDue(scan);
    return lanesOfBook().length === 2;
  }, 'the lanes are found');
  expect(asked).toBe(2);
});

it('that fails is not tried again at once', async () => {
  let asked = 0;
  const query = () => {
    asked += 1;
    return Promise.reject(new Error('the connection is gone'));
  };
  // As long as this process has run: the next one is due if the failure is not noted.
  const scan = scanWith({ pool: { query }, everyMs: performance.now() });
  await runWhenDue(scan);
  await runWhenDue(scan);
  expect(asked).toBe(1);
});

it('that runs beside claims is noted between them, so that a claim that gave nothing forgets none of it', async () => {
  const found = vi.fn();
  const scan = scanWith({ everyMs: 0, found });
  await enqueue();
  await scan.lookWhenDue(1);
  expect(found).toHaveBeenCalled();
  // A claim was under way meanwhile, and saw the queue before.
  expect(book.waitingCount).toBe(0);
  expect(scan.noteSome()).toBe(false);
  expect(lanesOfBook()).toEqual(['1', '2']);
});
