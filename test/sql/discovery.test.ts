import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Claim, type ClaimRequest, claimWebhooks } from '../../src/deliver/claim.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { of } from '../support/placed.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';
import { scanAll } from '../support/scan.ts';

// Which lanes have work: what a claim discovers, what the scans find, and which webhooks a claim that failed may have met.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const leased = { leased_by: 2, lease_until: inS(3_600), attempts: 1 };
const runOut = { leased_by: 2, lease_until: inS(-1), attempts: 1 };
const rule = { is_held: false, is_ordered: false, max_in_flight: 5 };

describe('a claim', () => {
  function discover(request: Partial<ClaimRequest> = {}): Promise<Claim> {
    return claimWebhooks(database.pool, {
      ...{
        workerNumber: 1,
        limit: 100,
        windowFromMs: 0,
        constrained: {},
        usualSlots: 8,
        usualGroupSlots: 500,
      },
      ...{ leaseS: 120, wishes: [] },
      ...request,
    });
  }

  it('discovers what is due since the start of its window, by lane and priority', async () => {
    const [from, late] = [inS(-60), inS(-5)];
    await plantQueue(database, [
      { n: 1, lane: 1, due_at: from },
      { n: 2, lane: 1, due_at: late },
      { n: 3, lane: 1, priority: 0, due_at: late },
      { n: 4, lane: 2, priority: 2, ...runOut, due_at: late, origin: 8, tenant_key: 9 },
      { n: 11, lane: 11, due_at: new Date(from.getTime() - 1) },
      { n: 12, lane: 12, due_at: inS(3_600) },
      { n: 13, lane: 13, ...leased },
    ]);
    const { discovered, webhooks } = await discover({ windowFromMs: from.getTime() });
    const [dueMs, lastDueMs] = [from.getTime(), late.getTime()];
    const found = {
      ...{ waiting: 1, dueMs: lastDueMs, access: 'anyone', tenantAccess: 'anyone' },
    };
    const byPlace = (a: { lane: string; priority: number }, b: typeof a) =>
      Number(a.lane) - Number(b.lane) || a.priority - b.priority;
    const groups = { tenant: null, origin: '1' };
    expect(discovered.toSorted(byPlace)).toEqual([
      { ...found, groups, lane: '1', priority: 0 },
      { ...found, groups, lane: '1', priority: 1, waiting: 2, dueMs },
      { ...found, lane: '2', priority: 2, groups: { tenant: '9', origin: '8' } },
    ]);
    expect(webhooks.map(({ webhookId }) => webhookId).toSorted()).toEqual([1, 2, 3, 4].map(idOf));
  });

  it('discovers nothing when it is not to', async () => {
    await plantQueue(database, [{ n: 1 }]);
    expect(await discover({ windowFromMs: undefined })).toMatchObject({
      discovered: [],
      webhooks: [],
    });
  });

  it('looks at the 250 that are due first', async () => {
    await database.pool.query(
      `insert into posthorn.queue (webhook_id, outbox_id, lane, priority, due_at)
       select id, id, 1 + (n > 250)::integer, 1, now() - interval '1 hour' + n * interval '1 ms'
       from generate_series(1, 1010) as n
       cross join lateral (select overlay($1::text placing lpad(n::text, 12, '0') from 25)::uuid as id) as ids
       order by n desc`,
      [idOf(0)],
    );
    const { discovered } = await discover({ usualSlots: 0 });
    expect(discovered).toMatchObject([{ lane: '1', waiting: 250 }]);
  });

  it('takes no more of a lane that it discovers than the lane has free slots, and nothing without one', async () => {
    await plantQueue(
      database,
      [1, 2, 3].flatMap((lane) => [1, 2, 3, 4].map((n) => ({ n: lane * 10 + n, lane }))),
    );
    const { webhooks } = await discover({
      usualSlots: 3,
      constrained: { '1': 1, '2': 0 },
    });
    expect(webhooks.map(({ lane }) => lane).toSorted()).toEqual(['1', '3', '3', '3']);
  });

  it('takes no more of a lane that it wishes for because it discovers it as well', async () => {
    await plantQueue(database, [{ n: 1 }, { n: 2 }, { n: 3, priority: 2 }]);
    const wish = { ...of('1'), priority: 1, quota: 1, dueFromMs: 0, rank: 1, isOwned: false };
    const { webhooks } = await discover({ wishes: [wish] });
    expect(webhooks.map(({ priority }) => priority).toSorted()).toEqual([1, 2]);
  });

  it('serves what it wishes for with rank 0 before what it discovers, and that before rank 2', async () => {
    await plantQueue(database, [{ n: 1 }, { n: 2, lane: 2 }, { n: 3, lane: 3 }]);
    const wish = { priority: 1, quota: 1, dueFromMs: 0, isOwned: false };
    const wishes = [
      { ...wish, ...of('3'), rank: 2 },
      { ...wish, ...of('1'), rank: 0 },
    ];
    const { webhooks, isFull } = await discover({ wishes, limit: 2 });
    expect(webhooks.map(({ lane }) => lane).toSorted()).toEqual(['1', '2']);
    expect(isFull).toBe(true);
  });
});

describe('a claim gives lanes that it discovers', () => {
  interface Planted {
    readonly lane: number;
    readonly origin: number;
    readonly tenant_key?: number;
    readonly priority?: number;
  }
  const sevenEach = (places: readonly Planted[]) =>
    plantQueue(
      database,
      places.flatMap((place) =>
        Array.from({ length: 7 }, (_, n) => ({ n: place.lane * 10 + n, ...place })),
      ),
    );
  const claim = async (request: Partial<ClaimRequest>) => {
    const { webhooks } = await claimWebhooks(database.pool, {
      ...{
        workerNumber: 1,
        limit: 100,
        windowFromMs: 0,
        constrained: {},
        usualSlots: 5,
        leaseS: 120,
      },
      ...{ usualGroupSlots: 100, wishes: [] },
      ...request,
    });
    const counts: Record<string, number> = {};
    for (const { lane } of webhooks) counts[lane] = (counts[lane] ?? 0) + 1;
    return counts;
  };

  it('no more than the free slots of their origin', async () => {
    await sevenEach([
      { lane: 1, origin: 50 },
      { lane: 2, origin: 50 },
      { lane: 3, origin: 50 },
      { lane: 4, origin: 51 },
      { lane: 5, origin: 52 },
    ]);
    const counts = await claim({ usualGroupSlots: 7, constrained: { '51': 2, '52': 0 } });
    expect(counts).toEqual({ '1': 5, '2': 2, '4': 2 });
  });

  it('no more than the free slots of their tenant, whatever its origins have', async () => {
    await sevenEach([
      { lane: 1, origin: 50, tenant_key: 60 },
      { lane: 2, origin: 51, tenant_key: 60 },
      { lane: 3, origin: 52, tenant_key: 60 },
      { lane: 4, origin: 53, tenant_key: 61 },
    ]);
    expect(await claim({ usualGroupSlots: 6 })).toEqual({ '1': 5, '2': 1, '4': 5 });
  });

  it('no more than the free slots of an origin, however many tenants send to it', async () => {
    await sevenEach([
      { lane: 1, origin: 50, tenant_key: 60 },
      { lane: 2, origin: 50, tenant_key: 61 },
      { lane: 3, origin: 50 },
      { lane: 4, origin: 51, tenant_key: 62 },
    ]);
    expect(await claim({ usualGroupSlots: 6 })).toEqual({ '1': 5, '2': 1, '4': 5 });
  });

  it('no more than it may take of all of them, which leaves what it wishes for its place', async () => {
    await sevenEach([
      { lane: 1, origin: 50, priority: 0 },
      { lane: 2, origin: 50, priority: 0 },
      { lane: 3, origin: 51, priority: 0 },
      { lane: 4, origin: 52 },
    ]);
    const wish = { ...of('4'), priority: 1, quota: 7, dueFromMs: 0, rank: 1, isOwned: false };
    const request = { usualGroupSlots: 6, limit: 15, maxFound: 8, wishes: [wish] };
    expect(await claim(request)).toEqual({ '1': 5, '2': 1, '3': 2, '4': 7 });
  });

  it('as many as a group that is known to have more can take', async () => {
    await sevenEach([
      { lane: 1, origin: 50 },
      { lane: 2, origin: 50 },
      { lane: 3, origin: 51 },
    ]);
    expect(await claim({ usualGroupSlots: 0, constrained: { '50': 9 } })).toEqual({
      '1': 5,
      '2': 4,
    });
  });
});

describe('the scan', () => {
  it('finds each lane and priority whose first one is due, and whose it is', async () => {
    await plant(database, 'lane_rules', [
      { ...rule, lane: 21, owner: 1 },
      { ...rule, lane: 22, owner: 2 },
      { ...rule, lane: 23 },
      { ...rule, lane: 24, retry_at: inS(-1) },
      { ...rule, lane: 31, is_held: true },
      { ...rule, lane: 32, retry_at: inS(3_600) },
    ]);
    await plant(database, 'breakers', [
      { key: 25, url: 'http://a.example/', throttled_until: inS(-1) },
      { key: 33, url: 'http://a.example/', state: 'open' },
      { key: 34, url: 'http://a.example/', throttled_until: inS(3_600) },
    ]);
    const first = inS(-9);
    await plantQueue(database, [
      { n: 1, lane: -5, priority: 0 },
      { n: 2, lane: 1, due_at: inS(-3) },
      { n: 3, lane: 1, due_at: first },
      { n: 4, lane: 1, priority: 2, ...leased },
      { n: 5, lane: 2, due_at: inS(3_600) },
      ...[21, 22, 23, 24, 25, 31, 32, 33, 34].map((lane) => ({ n: lane, lane })),
    ]);
    const found = await scanAll(database, 1);
    const said = found.map(({ lane, priority, access }) => `${lane} ${priority} ${access}`);
    expect(said.toSorted()).toEqual([
      ...['-5 0 anyone', '1 1 anyone', '1 2 anyone', '21 1 mine', '22 1 theirs', '23 1 unowned'],
      ...['24 1 unowned', '25 1 anyone'],
    ]);
    expect(found.find(({ lane, priority }) => lane === '1' && priority === 1)?.due_ms).toBe(
      first.getTime(),
    );
  });

  it("of a worker's own lanes finds those with work, and of each the first", async () => {
    await plant(database, 'lane_rules', [
      { ...rule, lane: 1, owner: 1 },
      { ...rule, lane: 2, owner: 2 },
      { ...rule, lane: 3, owner: 1, is_held: true },
      { ...rule, lane: 4, owner: 1, retry_at: inS(3_600) },
      { ...rule, lane: 5, owner: 1, retry_at: inS(-1) },
      { ...rule, lane: 6, owner: 1 },
      { ...rule, lane: 7, owner: 1 },
    ]);
    const first = inS(-9);
    await plantQueue(database, [
      { n: 1, lane: 1, due_at: inS(-3) },
      { n: 2, lane: 1, due_at: first },
      { n: 3, lane: 1, priority: 0, due_at: first },
      { n: 4, lane: 1, priority: 2, due_at: first },
      { n: 6, lane: 6, due_at: inS(3_600) },
      ...[2, 3, 4, 5, 7].map((lane) => ({ n: lane + 20, lane })),
    ]);
    const found = await runFile(database, 'scan-owned', {
      workerNumber: 1,
      lanes: [1, 2, 3, 4, 5, 6],
    });
    const due_ms = first.getTime();
    expect(found.filter(({ lane }) => lane === '1')).toEqual(
      expect.arrayContaining(
        [0, 1, 2].map((priority) =>
          expect.objectContaining({ lane: '1', priority, due_ms, tenant_access: 'anyone' }),
        ),
      ),
    );
    expect(found.map(({ lane }) => lane).toSorted()).toEqual(['1', '1', '1', '5']);
  });
});

it('the suspects of a claim that failed are what it may have taken, discovered or probed', async () => {
  const [from, window] = [inS(-60), inS(-30)];
  await plant(database, 'breakers', [
    { key: 5, url: 'http://a.example/', state: 'open', open_until: inS(-1) },
    { key: 6, url: 'http://a.example/', state: 'open', open_until: inS(3_600) },
    { key: 7, url: 'http://a.example/', state: 'closed', open_until: inS(-1) },
  ]);
  const old = inS(-50);
  await plantQueue(database, [
    // Wished for, two of them.
    { n: 1, lane: 1, due_at: from },
    { n: 2, lane: 1, due_at: old },
    { n: 11, lane: 1, due_at: inS(-45) },
    { n: 12, lane: 1, due_at: new Date(from.getTime() - 1) },
    { n: 13, lane: 1, due_at: old, ...leased },
    { n: 14, lane: 1, priority: 0, due_at: old },
    { n: 15, lane: 2, due_at: old },
    { n: 16, lane: 1, due_at: inS(3_600) },
    // Discovered.
    { n: 3, lane: 3, due_at: window },
    { n: 4, lane: 3, due_at: inS(-9), ...runOut },
    { n: 17, lane: 3, due_at: new Date(window.getTime() - 1) },
    { n: 18, lane: 3, ...leased },
    { n: 19, lane: 3, due_at: inS(3_600) },
    // Probed: of each priority the first.
    ...[0, 1, 2].map((priority) => ({ n: 5 + priority, lane: 5, priority, due_at: old })),
    { n: 20, lane: 5, due_at: inS(-49) },
    { n: 21, lane: 5, due_at: inS(-55), ...leased },
    { n: 22, lane: 6, due_at: old },
    { n: 23, lane: 7, due_at: old },
    // Probed for its origin.
    { n: 8, lane: 8, due_at: old },
    { n: 24, lane: 8, due_at: inS(-48) },
  ]);
  const found = await runFile<{ webhook_id: string }>(database, 'suspects', {
    ...{ lanes: [1], priorities: [1], quotas: [2], dueFromMs: [from.getTime()] },
    windowFromMs: window.getTime(),
    maxNewest: 64,
    probeLanes: [8],
  });
  expect(found.map(({ webhook_id }) => webhook_id).toSorted()).toEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map(idOf),
  );
});

it('the suspects are also what came last, and what a lane has between that and the window', async () => {
  await plantQueue(
    database,
    Array.from({ length: 400 }, (_, at) => ({
      n: at + 1,
      lane: at === 0 || at === 300 || at === 399 ? 1 : at + 2,
      due_at: inS(-500 + at),
    })),
  );
  const found = await runFile<{ webhook_id: string }>(database, 'suspects', {
    ...{ lanes: [], priorities: [], quotas: [], dueFromMs: [], probeLanes: [] },
    ...{ windowFromMs: 0, maxNewest: 64 },
  });
  const between = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, at) => from + at);
  // Of lane 1 a claim takes the first two, for it has seen the first and the last.
  expect(found.map(({ webhook_id }) => webhook_id).toSorted()).toEqual(
    [...between(1, 250), 301, ...between(337, 399)].map(idOf),
  );
});

it('to try a claim takes what is free of these webhooks, as a claim would', async () => {
  await plantQueue(database, [
    { n: 1, attempts: 2, uncounted: 1 },
    { n: 2, ...runOut, uncounted: 1 },
    { n: 3, ...leased },
    { n: 4 },
  ]);
  // Somebody has the last one locked.
  const held = `select from posthorn.queue where webhook_id = '${idOf(4)}' for update`;
  const tried = await whileHeld(database, held, (pool) =>
    runFile<{ webhook_id: string }>({ pool }, 'try-claim', { webhookIds: [1, 2, 3, 4].map(idOf) }),
  );
  expect(tried.length).toBe(2);
  const rows = await ask(
    database,
    `select q.attempts, uncounted, leased_by, a.number, a.worker, lease_until > now() as is_leased
     from posthorn.queue as q left join posthorn.attempts as a using (webhook_id) order by webhook_id`,
  );
  expect(rows).toEqual([
    { attempts: 3, uncounted: 1, leased_by: 0, number: 3, worker: 0, is_leased: true },
    { attempts: 2, uncounted: 2, leased_by: 0, number: 2, worker: 0, is_leased: true },
    { attempts: 1, uncounted: 0, leased_by: 2, number: null, worker: null, is_leased: true },
    { attempts: 0, uncounted: 0, leased_by: null, number: null, worker: null, is_leased: null },
  ]);
});
