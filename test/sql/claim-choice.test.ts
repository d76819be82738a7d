import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Claim, type ClaimRequest, claimWebhooks } from '../../src/deliver/claim.ts';
import type { LaneWish } from '../../src/lanes/lane-wish.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { of } from '../support/placed.ts';
import { ask, clear, idOf, inS, plant, plantQueue, whileHeld } from '../support/rows.ts';

// Which webhooks a claim takes, and which it leaves, by what their rows say.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

function claim(
  wishes: readonly Partial<LaneWish>[],
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  return claimWebhooks(database.pool, {
    ...{
      workerNumber: 1,
      limit: 100,
      windowFromMs: undefined,
      constrained: {},
      usualSlots: 8,
      usualGroupSlots: 500,
    },
    leaseS: 120,
    wishes: wishes.map((wish) => ({
      ...{ ...of('1'), priority: 1, quota: 100, dueFromMs: 0, rank: 1, isOwned: false },
      ...wish,
    })),
    ...request,
  });
}

const namesOf = ({ webhooks }: Pick<Claim, 'webhooks'>) =>
  webhooks.map(({ webhookId }) => Number(webhookId.slice(-12))).toSorted((a, b) => a - b);

const bound = inS(-60);
const leased = { leased_by: 2, lease_until: inS(3_600), attempts: 1 };
const runOut = { leased_by: 2, lease_until: inS(-1), attempts: 1 };

describe('of a lane that is wished for', () => {
  it('what is due from the bound on is claimed, and nothing else', async () => {
    await plantQueue(database, [
      { n: 1, due_at: bound },
      { n: 2 },
      { n: 3, ...runOut },
      { n: 11, due_at: new Date(bound.getTime() - 1) },
      { n: 12, due_at: inS(3_600) },
      { n: 13, ...leased },
      { n: 14, lane: 2 },
      { n: 15, priority: 0 },
      { n: 16, priority: 2 },
    ]);
    const wish = { dueFromMs: bound.getTime() };
    expect(namesOf(await claim([wish]))).toEqual([1, 2, 3]);
  });

  it('the first that are due are claimed, as many as its quota', async () => {
    await plantQueue(
      database,
      [5, 1, 4, 2, 3].map((n) => ({ n, due_at: inS(-10 + n) })),
    );
    expect(namesOf(await claim([{ quota: 3 }]))).toEqual([1, 2, 3]);
  });

  it('the quotas of lesser ranks, then of high priorities, then of what waits longest are met first', async () => {
    await plantQueue(database, [
      { n: 1, lane: 1, priority: 2 },
      { n: 2, lane: 2, priority: 0 },
      { n: 3, lane: 3, priority: 1 },
      { n: 4, lane: 4, priority: 1 },
    ]);
    const wishes = [
      { lane: '4', priority: 1, dueFromMs: 2_000 },
      { lane: '3', priority: 1, dueFromMs: 1_000 },
      { lane: '2', priority: 0, dueFromMs: 3_000 },
      { lane: '1', priority: 2, dueFromMs: 4_000, rank: 0 },
    ];
    for (const next of [1, 2, 3, 4]) {
      expect(namesOf(await claim(wishes, { limit: 1 }))).toEqual([next]);
    }
  });

  it('is leased, and its attempt begun, in the name of the worker', async () => {
    await plantQueue(database, [
      { n: 1, attempts: 3, past_attempts: 2, uncounted: 1 },
      { n: 2, ...runOut, uncounted: 4 },
      { n: 3, attempts: 32_767, ...{ lease_until: inS(-1), uncounted: 32_767 } },
    ]);
    const { webhooks } = await claim([{}], { workerNumber: 9, leaseS: 300 });
    const said = webhooks.map(({ webhookId, number, uncounted, pastAttempts, leasedBy }) => ({
      ...{ webhookId, number, uncounted, pastAttempts, leasedBy },
    }));
    expect(said.toSorted((a, b) => (a.webhookId < b.webhookId ? -1 : 1))).toEqual([
      { webhookId: idOf(1), number: 4, uncounted: 1, pastAttempts: 2, leasedBy: 9 },
      { webhookId: idOf(2), number: 2, uncounted: 5, pastAttempts: 0, leasedBy: 9 },
      { webhookId: idOf(3), number: 32_767, uncounted: 32_767, pastAttempts: 0, leasedBy: 9 },
    ]);
    expect(
      await ask(
        database,
        `select q.attempts, q.uncounted, q.leased_by, a.number, a.worker, a.finished_at,
           extract(epoch from q.lease_until - a.created_at)::float8 between 290 and 301 as is_leased
         from posthorn.queue as q join posthorn.attempts as a using (webhook_id) order by webhook_id`,
      ),
    ).toMatchObject([
      { attempts: 4, uncounted: 1, leased_by: 9, number: 4, worker: 9, is_leased: true },
      { attempts: 2, uncounted: 5, leased_by: 9, number: 2, worker: 9, finished_at: null },
      { attempts: 32_767, uncounted: 32_767, leased_by: 9, number: 32_767 },
    ]);
  });

  it('a webhook that somebody has locked is passed over, and the next one takes its turn', async () => {
    await plantQueue(database, [
      { n: 1, due_at: inS(-9) },
      { n: 2, due_at: inS(-8) },
    ]);
    const held = `select from posthorn.queue where webhook_id = '${idOf(1)}' for update`;
    const claimed = await whileHeld(database, held, (pool) =>
      claimWebhooks(pool, {
        ...{
          workerNumber: 1,
          limit: 9,
          windowFromMs: 0,
          constrained: {},
          usualSlots: 1,
          usualGroupSlots: 500,
        },
        ...{ leaseS: 120, wishes: [] },
      }),
    );
    expect(namesOf(claimed)).toEqual([2]);
  });
});

describe('a breaker', () => {
  it.each([
    { is: 'open', row: { state: 'open' }, claims: false },
    {
      is: 'open, and was throttled',
      row: { state: 'open', throttled_until: inS(-5) },
      claims: false,
    },
    { is: 'closed and throttled', row: { throttled_until: inS(3_600) }, claims: false },
    { is: 'closed, and was throttled', row: { throttled_until: inS(-5) }, claims: true },
    { is: 'closed', row: {}, claims: true },
  ])('that is $is lets its lane be claimed: $claims', async ({ claims, row }) => {
    await plant(database, 'breakers', [
      { key: 1, url: 'http://a.example/', ...row },
      { key: 2, url: 'http://b.example/', state: 'open' },
    ]);
    await plantQueue(database, [{ n: 1 }]);
    const claimed = await claim([{ quota: 0 }], { windowFromMs: 0 });
    expect(claimed.discovered).toMatchObject([
      { lane: '1', access: claims ? 'anyone' : 'blocked' },
    ]);
    expect(namesOf(await claim([{}]))).toEqual(claims ? [1] : []);
  });
});

describe('the rule of a lane', () => {
  const rule = { lane: 1, is_held: false, is_ordered: false, max_in_flight: 5, owner: 1 };
  it.each([
    { is: 'owned', row: {}, claims: true, access: 'mine' },
    { is: "another worker's", row: { owner: 2 }, claims: false, access: 'theirs' },
    { is: 'of no owner', row: { owner: null }, claims: false, access: 'unowned' },
    { is: 'held', row: { is_held: true }, claims: false, access: 'blocked' },
    { is: 'to be tried later', row: { retry_at: inS(3_600) }, claims: false, access: 'blocked' },
    { is: 'to be tried again by now', row: { retry_at: inS(-1) }, claims: true, access: 'mine' },
  ])('that is $is: claimed $claims, access $access', async ({ row, claims, access }) => {
    for (const is_ordered of [false, true]) {
      await clear(database);
      await plant(database, 'lane_rules', [{ ...rule, is_ordered, ...row }]);
      await plantQueue(database, [{ n: 1 }]);
      const looked = await claim([], { windowFromMs: 0 });
      expect(looked.discovered).toMatchObject([{ lane: '1', access }]);
      expect(looked.webhooks).toEqual([]);
      expect(namesOf(await claim([{ isOwned: true }]))).toEqual(claims ? [1] : []);
    }
  });

  it('is not owned by wishing for it', async () => {
    await plant(database, 'lane_rules', [rule]);
    await plantQueue(database, [{ n: 1 }]);
    expect(namesOf(await claim([{ isOwned: false }]))).toEqual([]);
  });
});

describe('of an ordered lane', () => {
  beforeEach(() =>
    plant(database, 'lane_rules', [{ lane: 1, is_held: false, is_ordered: true, owner: 1 }]),
  );
  const wish = { isOwned: true, dueFromMs: bound.getTime() };

  it.each([
    { first: 'is due', row: {}, claimed: [1] },
    { first: 'is being sent', row: leased, claimed: [] },
    { first: 'was leased, and the lease ran out', row: runOut, claimed: [1] },
    { first: 'is due at the bound', row: { due_at: bound }, claimed: [1] },
    { first: 'is before the bound', row: { due_at: inS(-61) }, claimed: [2] },
    { first: 'is not due yet', row: { due_at: inS(3_600) }, claimed: [2] },
    { first: 'is low', row: { priority: 2 }, claimed: [1] },
    { first: 'is high', row: { priority: 0 }, claimed: [1] },
    { first: 'is of another lane', row: { lane: 2 }, claimed: [2] },
  ])('whose first one $first, only $claimed is claimed', async ({ row, claimed }) => {
    await plantQueue(database, [
      { n: 1, due_at: inS(-9), ...row },
      { n: 2, due_at: inS(-8) },
      { n: 3, due_at: inS(-7), priority: 0 },
    ]);
    expect(namesOf(await claim([wish]))).toEqual(claimed);
  });

  it.each([
    { what: 'are due', row: {}, claimed: [1, 2, 3, 4] },
    { what: 'go before one that is being sent', row: leased, claimed: [1, 2] },
    // Its worker may have sent it, so that it goes alone, when it is the first.
    { what: 'go before one whose lease ran out', row: runOut, claimed: [1, 2] },
    {
      what: 'go before one that was sent when its worker died',
      row: { uncounted: 1 },
      claimed: [1, 2],
    },
    {
      what: 'are due, but for one that is not',
      row: { due_at: inS(3_600) },
      claimed: [1, 2, 4, 5],
    },
  ])('several are claimed ahead that $what', async ({ row, claimed }) => {
    await plantQueue(database, [
      { n: 1, due_at: inS(-9), priority: 2 },
      { n: 2, due_at: inS(-8) },
      { n: 3, due_at: inS(-7), priority: 0, ...row },
      { n: 4, due_at: inS(-6) },
      { n: 5, due_at: inS(-5) },
    ]);
    expect(namesOf(await claim([{ ...wish, quota: 1, ahead: 4 }]))).toEqual(claimed);
  });

  it('one that was sent when its worker died goes alone', async () => {
    await plantQueue(database, [
      { n: 1, due_at: inS(-9), uncounted: 1 },
      { n: 2, due_at: inS(-8) },
    ]);
    expect(namesOf(await claim([{ ...wish, ahead: 4 }]))).toEqual([1]);
  });

  it('what is taken ahead takes no place of other lanes', async () => {
    await plantQueue(database, [
      ...[1, 2, 3].map((n) => ({ n, due_at: inS(-9 + n) })),
      ...[11, 12, 13].map((n) => ({ n, lane: 2 })),
    ]);
    const wishes = [{ ...wish, ahead: 3 }, { lane: '2' }];
    const { webhooks, isFull } = await claim(wishes, { limit: 3 });
    expect([namesOf({ webhooks }).length, isFull]).toEqual([5, true]);
  });

  it('none is claimed ahead that comes after one that somebody has locked', async () => {
    await plantQueue(
      database,
      [1, 2, 3, 4].map((n) => ({ n, due_at: inS(-9 + n) })),
    );
    const held = `select from posthorn.queue where webhook_id = '${idOf(3)}' for update`;
    const claimed = await whileHeld(database, held, (pool) =>
      claimWebhooks(pool, {
        ...{ workerNumber: 1, limit: 9, windowFromMs: 0, constrained: {}, usualSlots: 1 },
        ...{ usualGroupSlots: 500, leaseS: 120 },
        wishes: [
          {
            ...wish,
            groups: { tenant: null, origin: '1' },
            lane: '1',
            priority: 1,
            quota: 1,
            rank: 1,
            ahead: 4,
          },
        ],
      }),
    );
    expect(namesOf(claimed)).toEqual([1, 2]);
  });

  it('the least id goes first of those that are due at the same time, over all priorities', async () => {
    const due_at = inS(-5);
    await plantQueue(database, [
      { n: 3, due_at, priority: 0 },
      { n: 4, due_at, priority: 1 },
      { n: 2, due_at, priority: 1 },
      { n: 1, due_at, priority: 2 },
    ]);
    for (const next of [1, 2, 3, 4]) {
      expect(namesOf(await claim([wish]))).toEqual([next]);
      await database.pool.query('delete from posthorn.queue where leased_by is not null');
    }
  });

  it('no other one takes the turn of the first that somebody has locked, and no other lane waits', async () => {
    await plantQueue(database, [
      { n: 1, due_at: inS(-9) },
      { n: 2, due_at: inS(-8) },
      { n: 3, lane: 2 },
    ]);
    const held = `select from posthorn.queue where webhook_id = '${idOf(1)}' for update`;
    const claimed = await whileHeld(database, held, (pool) =>
      claimWebhooks(pool, {
        ...{
          workerNumber: 1,
          limit: 9,
          windowFromMs: 0,
          constrained: {},
          usualSlots: 1,
          usualGroupSlots: 500,
        },
        ...{ leaseS: 120, wishes: [{ ...wish, ...of('1'), priority: 1, quota: 1, rank: 1 }] },
      }),
    );
    expect(namesOf(claimed)).toEqual([3]);
  });
});
