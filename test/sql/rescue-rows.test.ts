import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile } from '../support/rows.ts';

// What the rescue of a dead worker frees, and what it leaves.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const leasedBy = (worker: number) => ({
  ...{ leased_by: worker, lease_until: inS(3_600), attempts: 1 },
});
const attempt = (n: number, number: number, row: object = {}) => ({
  ...{ webhook_id: idOf(n), number, worker: 1 },
  ...row,
});

/** By the last digits of their ids. */
const queue = async (columns: string) =>
  await ask(
    database,
    `select right(webhook_id::text, 2)::integer as n, ${columns} from posthorn.queue order by 1`,
  );
const open = async () =>
  (
    await ask<{ a: string }>(
      database,
      `select right(webhook_id::text, 2)::integer || ' ' || number as a from posthorn.attempts
       where finished_at is null order by webhook_id, number`,
    )
  ).map(({ a }) => a);

describe('the rescue', () => {
  it('frees what the dead worker had leased, and counts the death as no attempt', async () => {
    await plantQueue(database, [
      { n: 1, ...leasedBy(7) },
      { n: 2, ...leasedBy(7), lease_until: inS(-60) },
      { n: 3, ...leasedBy(7) },
      { n: 4, ...leasedBy(8) },
      { n: 5 },
    ]);
    await plant(database, 'attempts', [
      ...[attempt(1, 1), attempt(2, 1), attempt(3, 1), attempt(4, 1)],
      attempt(2, 2, { finished_at: inS(-5), error: 'http_500' }),
      attempt(9, 1),
    ]);
    expect(await runFile(database, 'rescue', { workerNumber: 7, keptIds: [idOf(3)] })).toEqual([
      { released: 2 },
    ]);
    expect(await queue('leased_by, lease_until is not null as is_leased, uncounted')).toEqual([
      { n: 1, leased_by: null, is_leased: false, uncounted: 1 },
      { n: 2, leased_by: null, is_leased: false, uncounted: 1 },
      { n: 3, leased_by: 7, is_leased: true, uncounted: 0 },
      { n: 4, leased_by: 8, is_leased: true, uncounted: 0 },
      { n: 5, leased_by: null, is_leased: false, uncounted: 0 },
    ]);
    expect(await open()).toEqual(['3 1', '4 1', '9 1']);
    expect(
      await ask(
        database,
        'select distinct error, error_message from posthorn.attempts where error is not null order by 1',
      ),
    ).toEqual([
      { error: 'abandoned', error_message: 'Worker 7 ended before the attempt did' },
      { error: 'http_500', error_message: null },
    ]);
  });

  it.each([
    { uncounted: 0, waitsS: 0 },
    { uncounted: 1, waitsS: 0 },
    { uncounted: 2, waitsS: 4 },
    { uncounted: 3, waitsS: 8 },
    { uncounted: 8, waitsS: 256 },
    { uncounted: 9, waitsS: 300 },
    { uncounted: 30_000, waitsS: 300 },
  ])(
    'after $uncounted attempts that did not count puts it off by $waitsS s, or its ordered lane',
    async ({ uncounted, waitsS }) => {
      const due_at = inS(-7_200);
      await plant(database, 'lane_rules', [{ lane: 2, is_held: false, is_ordered: true }]);
      await plantQueue(database, [
        { n: 1, ...leasedBy(7), due_at, uncounted },
        { n: 2, ...leasedBy(7), due_at, uncounted, lane: 2 },
        { n: 3, ...leasedBy(7), due_at, uncounted: 0, lane: 2 },
      ]);
      const before = Date.now();
      await runFile(database, 'rescue', { workerNumber: 7, keptIds: [] });
      const after = Date.now();
      const rows = await queue('due_at');
      const [rule] = await ask<{ retry_at: Date | null }>(
        database,
        'select retry_at from posthorn.lane_rules',
      );
      const retry_at = rule?.retry_at;
      expect(rows.slice(1).map((row) => row['due_at'])).toEqual([due_at, due_at]);
      for (const until of waitsS === 0 ? [] : [rows[0]?.['due_at'] as Date, retry_at as Date]) {
        expect(until.getTime()).toBeGreaterThanOrEqual(before + waitsS * 1_000 - 1);
        expect(until.getTime()).toBeLessThanOrEqual(after + waitsS * 1_000 + 1);
      }
      if (waitsS === 0) expect([rows[0]?.['due_at'], retry_at]).toEqual([due_at, null]);
    },
  );

  it('lets an ordered lane that waits for longer go on waiting', async () => {
    await plant(database, 'lane_rules', [
      { lane: 1, is_held: false, is_ordered: true, retry_at: inS(9_000) },
    ]);
    await plantQueue(database, [{ n: 1, ...leasedBy(7), uncounted: 3 }]);
    await runFile(database, 'rescue', { workerNumber: 7, keptIds: [] });
    expect(
      await ask(
        database,
        `select retry_at > now() + interval '2 hours' as longer from posthorn.lane_rules`,
      ),
    ).toEqual([{ longer: true }]);
  });

  it('frees the probes of the dead worker and no other', async () => {
    const breaker = {
      url: 'http://a.example/',
      state: 'open',
      probe_until: inS(60),
      probe_attempt: 1,
    };
    await plantQueue(database, [
      { n: 1, ...leasedBy(7) },
      { n: 2, ...leasedBy(7), lane: 2 },
      { n: 3, ...leasedBy(8), lane: 2 },
      { n: 4, ...leasedBy(7), lane: 3 },
    ]);
    await plant(database, 'breakers', [
      { ...breaker, key: 1, probe_webhook: idOf(1) },
      { ...breaker, key: 2, probe_webhook: idOf(3) },
      { ...breaker, key: 3, probe_webhook: idOf(4) },
    ]);
    await runFile(database, 'rescue', { workerNumber: 7, keptIds: [idOf(4)] });
    expect(
      await ask(
        database,
        'select key, probe_webhook, probe_attempt, probe_until is null as is_free from posthorn.breakers order by key',
      ),
    ).toEqual([
      { key: '1', probe_webhook: null, probe_attempt: null, is_free: true },
      { key: '2', probe_webhook: idOf(3), probe_attempt: 1, is_free: false },
      { key: '3', probe_webhook: idOf(4), probe_attempt: 1, is_free: false },
    ]);
  });
});
