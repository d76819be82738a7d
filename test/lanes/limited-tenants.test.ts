import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LaneAccess, SeenLane, TenantAccess } from '../../src/lanes/lane.ts';
import { LaneBook } from '../../src/lanes/lane-book.ts';
import { LimitedLanes } from '../../src/lanes/limited-lanes.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { of } from '../support/placed.ts';
import { clear, plant, plantQueue } from '../support/rows.ts';
import { limitTenant } from '../support/tenants.ts';

// Two workers and a limited tenant: who owns it, who owns its limited lanes, and what becomes of the lanes that were seen meanwhile.

interface TestWorker {
  readonly book: LaneBook;
  readonly limited: LimitedLanes;
  /** Wants these, and takes whatever is wanted. Whether all lanes have to be looked at. */
  take(...keys: readonly string[]): Promise<boolean>;
}

let database: TestDatabase;
let acme: string;
let one: TestWorker;
let two: TestWorker;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(
    `insert into posthorn.workers (number, host, pid, version, seen_at)
     select n, 'host', n, '1.2.3', now() + interval '1 hour' from generate_series(1, 2) as n`,
  );
  const { rows } = await database.pool.query(`select posthorn.tenant_key('acme')::text as key`);
  acme = rows[0].key;
});

afterAll(() => database.drop());

beforeEach(async () => {
  await clear(database);
  [one, two] = [workerOf(1), workerOf(2)];
});

function workerOf(number: number): TestWorker {
  const book = new LaneBook({ most: 512, releaseAfterMs: 0 });
  const limited = new LimitedLanes({ pool: database.pool, book, log: createLog('silent') });
  return {
    book,
    limited,
    async take(...keys) {
      for (const key of keys) limited.want(key);
      let needsScan = false;
      do needsScan = (await limited.take(number)) || needsScan;
      while (limited.hasWanted);
      return needsScan;
    },
  };
}

async function laneOf(settings: Record<string, number> = {}): Promise<string> {
  const url = 'http://a.example/';
  const endpoint = await registerEndpoint(database, { url, tenant: 'acme', ...settings });
  return String((await endpoint.row())['lane']);
}

function seen(
  lane: string,
  { access = 'anyone', tenantAccess }: { access?: LaneAccess; tenantAccess: TenantAccess },
): SeenLane {
  return { ...of(lane, ofAcme()), access, tenantAccess, priority: 1, dueMs: 0 };
}

const ofAcme = () => ({ tenant: acme, origin: '5' });

const lanesIn = ({ book }: TestWorker) =>
  [...new Set(book.choose(100, performance.now()).map(({ lane }) => lane))].toSorted();

const ownerOf = async (lane: string) =>
  (await database.pool.query('select owner from posthorn.lane_rules where lane = $1', [lane]))
    .rows[0]?.owner;

describe('lanes that were seen before their tenant was taken', () => {
  it('are claimed from once it is, limited ones when they are taken too', async () => {
    await limitTenant(database, { id: 'acme', max_in_flight: 9 });
    const [plain, limited] = [await laneOf(), await laneOf({ max_in_flight: 2 })];
    expect(one.limited.admits(seen(plain, { tenantAccess: 'unowned' }))).toBe(false);
    expect(one.limited.admits(seen(limited, { access: 'unowned', tenantAccess: 'unowned' }))).toBe(
      false,
    );
    expect(await one.take()).toBe(false);
    expect(lanesIn(one)).toEqual([plain, limited].toSorted());
    expect(one.book.choose(100, performance.now()).every(({ isOwned }) => isOwned)).toBe(true);
    expect(one.limited.admits(seen(plain, { tenantAccess: 'mine' }))).toBe(true);
  });

  it('are claimed from if it has no limits by then', async () => {
    const plain = await laneOf();
    expect(one.limited.admits(seen(plain, { tenantAccess: 'unowned' }))).toBe(false);
    await one.take();
    expect(lanesIn(one)).toEqual([plain]);
  });

  it('are left to another worker if that was faster', async () => {
    await limitTenant(database, { id: 'acme', max_in_flight: 9 });
    const plain = await laneOf();
    await two.take(acme);
    one.limited.admits(seen(plain, { tenantAccess: 'unowned' }));
    await one.take();
    expect([lanesIn(one), one.book.owned.has(acme)]).toEqual([[], false]);
  });

  it('have to be looked for if somebody named the tenant: others may know more of them', async () => {
    await limitTenant(database, { id: 'acme', max_in_flight: 9 });
    one.limited.admits(seen(await laneOf(), { tenantAccess: 'unowned' }));
    expect(await one.take(acme)).toBe(true);
    expect(await one.take(acme)).toBe(false);
  });
});

it('what is sent to a URL is left to the owner of its tenant, whoever is told that it works again', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 9 });
  await plantQueue(database, [{ n: 1, lane: 5, origin: 6, tenant_key: acme }]);
  await two.take(acme);
  await one.take('5');
  await two.take('5');
  expect([lanesIn(one), lanesIn(two)]).toEqual([[], ['5']]);
});

it.each([
  ['anyone', 'mine', true],
  ['anyone', 'theirs', false],
  ['mine', 'theirs', true],
  ['theirs', 'mine', true],
  ['unowned', 'theirs', false],
  ['blocked', 'unowned', false],
] as const)(
  'a lane of %s whose tenant is %s: something of it is wanted: %s',
  (access, tenantAccess, isWanted) => {
    expect(one.limited.admits(seen('1', { access, tenantAccess }))).toBe(false);
    expect(one.limited.hasWanted).toBe(isWanted);
  },
);

it('what others own is wanted on request, because they may be frozen', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 9 });
  const lane = await laneOf({ max_in_flight: 1 });
  await database.pool.query('update posthorn.lane_rules set owner = 3');
  one.limited.wantTheirs(seen(lane, { access: 'theirs', tenantAccess: 'theirs' }));
  await one.take();
  expect([one.book.owned.has(acme), one.book.owned.has(lane)]).toEqual([true, false]);
  one.limited.wantTheirs(seen(lane, { access: 'theirs', tenantAccess: 'mine' }));
  await one.take();
  expect(one.book.owned.has(lane)).toBe(true);
});

describe('a limited lane whose tenant another worker takes', () => {
  it('is given up once nothing of it is in flight, and taken by that worker', async () => {
    const lane = await laneOf({ rate_limit_per_s: 0.1 });
    await one.take(lane);
    const begun = one.book.begin(of(lane, ofAcme()), 0);
    await limitTenant(database, { id: 'acme', max_in_flight: 9 });
    await two.take(acme);
    await one.take(acme);
    expect([await ownerOf(lane), lanesIn(one)]).toEqual([1, []]);
    await two.take(lane);
    expect(two.book.owned.has(lane)).toBe(false);
    one.book.end(of(lane, ofAcme()), { begun, answered: true, verdict: 'ok', nowMs: 0 });
    await one.take();
    expect([await ownerOf(lane), one.book.owned.has(lane)]).toEqual([null, false]);
    await two.take(lane);
    // The rate that the former owner may have used is not used again.
    expect([two.book.owned.has(lane), lanesIn(two)]).toEqual([true, []]);
  });

  it('is kept if the tenant comes back before that', async () => {
    const lane = await laneOf({ max_in_flight: 2 });
    await one.take(lane);
    one.book.begin(of(lane, ofAcme()), 0);
    await limitTenant(database, { id: 'acme', max_in_flight: 9 });
    await two.take(acme);
    await one.take(acme);
    await database.pool.query('update posthorn.lane_rules set owner = null where is_tenant');
    await one.take(acme);
    expect([await ownerOf(lane), lanesIn(one)]).toEqual([1, [lane]]);
  });
});

it('a tenant is not given up before its limited lanes are', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 9 });
  const lane = await laneOf({ rate_limit_per_s: 1_000 });
  await one.take(acme);
  await one.take(lane);
  const nowMs = performance.now() + 60_000;
  // It waits for work that may be there.
  expect(one.book.releaseIdle(nowMs)).toEqual([]);
  // Of each priority in turn, nothing.
  for (let turn = 0; turn < 3; turn += 1) {
    const wishes = one.book.choose(9, nowMs);
    one.book.learn({ wishes, claimed: [], discovered: [], wasFull: false });
  }
  expect(one.book.releaseIdle(nowMs)).toEqual([lane]);
  expect(one.book.releaseIdle(nowMs)).toEqual([acme]);
});

it('a tenant is not given up while something of it is in flight or waits', async () => {
  await limitTenant(database, { id: 'acme', max_in_flight: 9 });
  await one.take(acme);
  const nowMs = performance.now() + 60_000;
  const begun = one.book.begin(of('1', ofAcme()), nowMs - 1);
  expect(one.book.releaseIdle(nowMs)).toEqual([]);
  one.book.end(of('1', ofAcme()), { begun, answered: true, verdict: 'ok', nowMs });
  one.book.add(seen('1', { tenantAccess: 'mine' }));
  expect(one.book.releaseIdle(nowMs)).toEqual([]);
});

it('rows of lane_rules that name no tenant do not get in the way', async () => {
  await plant(database, 'lane_rules', [{ lane: 7, is_held: false, is_ordered: false }]);
  expect(await one.take('7')).toBe(false);
  expect(lanesIn(one)).toEqual(['7']);
});
