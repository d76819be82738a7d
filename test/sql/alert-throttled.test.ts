import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, inS, plant, plantQueue, runFile } from '../support/rows.ts';

// What the evaluation of the alert rules finds of throttled lanes and of Posthorn's own health, row by row.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const url = 'http://a.example/';
const alert = { severity: 'warning', summary: '' };
const leased = { lease_until: inS(9_000), leased_by: 1 };

describe('what waits for a throttled or delayed lane', () => {
  const throttled = async (most = 100) =>
    (
      await runFile<{ due: number; oldest_ms: number | null }>(database, 'alert-throttled', {
        maxCounted: most,
      })
    )[0];
  const backlog = { ...alert, rule: 'backlog', fired_at: inS(-60) };
  const throttle = { url, throttled_until: inS(900), last_failure_at: inS(-5) };

  it('is what is due and free in lanes that are throttled or delayed, and not held or open', async () => {
    await plant(database, 'alerts', [backlog]);
    await plant(database, 'breakers', [
      { ...throttle, key: 1 },
      { ...throttle, key: 2, throttled_until: inS(-1) },
      // A short one does not count.
      { ...throttle, key: 3, last_failure_at: inS(870) },
      { ...throttle, key: 4, last_failure_at: null },
      { ...throttle, key: 5, state: 'open' },
      { ...throttle, key: 6 },
      { key: 8, url, state: 'open' },
    ]);
    const rule = { is_held: false, is_ordered: true };
    await plant(database, 'lane_rules', [
      { ...rule, lane: 6, is_held: true },
      { ...rule, lane: 7, retry_at: inS(900) },
      { ...rule, lane: 8, retry_at: inS(900) },
      { ...rule, lane: 9, retry_at: inS(-1) },
      { ...rule, lane: 10, retry_at: inS(900), is_held: true },
    ]);
    await plantQueue(database, [
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((lane) => ({ n: lane, lane })),
      { n: 11, lane: 1, priority: 0, due_at: inS(-500) },
      { n: 12, lane: 1, priority: 2, lease_until: inS(-1) },
      { n: 13, lane: 1, ...leased, due_at: inS(-900) },
      { n: 14, lane: 1, due_at: inS(900) },
    ]);
    const found = await throttled();
    expect(found?.due).toBe(5);
    expect(found?.oldest_ms).toBeGreaterThanOrEqual(499_000);
    expect(found?.oldest_ms).toBeLessThan(800_000);
    expect((await throttled(2))?.due).toBe(2);
  });

  it.each([
    { of: 'a backlog that was told of', row: {}, looks: true },
    { of: 'the age of a backlog', row: { rule: 'backlog_age' }, looks: true },
    { of: 'one that was not told of', row: { fired_at: null }, looks: false },
    { of: 'one that is over', row: { resolved_at: inS(-1) }, looks: false },
    { of: 'something else', row: { rule: 'breaker_open' }, looks: false },
  ])('is looked for while there is an alert of $of: $looks', async ({ row, looks }) => {
    await plant(database, 'alerts', [{ ...backlog, ...row }]);
    await plant(database, 'breakers', [{ ...throttle, key: 1 }]);
    await plant(database, 'lane_rules', [
      { lane: 2, is_held: false, is_ordered: true, retry_at: inS(900) },
    ]);
    await plantQueue(database, [{ n: 1 }, { n: 2, lane: 2 }]);
    expect((await throttled())?.due).toBe(looks ? 2 : 0);
  });
});

it('health counts what live workers say, and names missing partitions of today and tomorrow', async () => {
  const holder = await database.pool.connect();
  try {
    const worker = { host: 'here', pid: 1, version: '1' };
    await plant(database, 'workers', [
      { ...worker, number: 1, egress_down_since: inS(-5) },
      { ...worker, number: 2, claims_failing_since: inS(-50), claim_error: 'first' },
      { ...worker, number: 3, claims_failing_since: inS(-40), claim_error: 'second' },
      { ...worker, number: 4, egress_down_since: inS(-5), claims_failing_since: inS(-900) },
    ]);
    // A worker is alive as long as it holds the lock of its number.
    await holder.query('select pg_advisory_lock(1886352244, n) from unnest(array[1, 2, 3]) as n');
    await plant(database, 'sealing', [{ missing_keys: ['lost'] }]);
    const [row] = await runFile<Record<string, unknown>>(database, 'alert-health', {});
    expect(row).toMatchObject({
      ...{ alive: 3, without_egress: 1, missing_partitions: [], missing_keys: ['lost'] },
      not_claiming: { workers: 2, error: 'first', failing_ms: expect.any(Number) },
    });
    const failing = row?.['not_claiming'] as { failing_ms: number } | undefined;
    const failingMs = failing?.failing_ms;
    expect(failingMs).toBeGreaterThanOrEqual(49_000);
    expect(failingMs).toBeLessThan(600_000);
    await database.pool.query(
      `select posthorn.drop_partitions((now() at time zone 'UTC')::date + ahead) from unnest(array[0, 1, 2]) as ahead`,
    );
    const [missing] = await runFile(database, 'alert-health', {});
    const [days] = await ask(
      database,
      `select array_agg(format('%s_%s', parent, to_char((now() at time zone 'UTC')::date + ahead, 'YYYYMMDD')) order by parent, ahead) as names
       from unnest(array['attempts', 'outbox', 'outcomes']) as parent, unnest(array[0, 1]) as ahead`,
    );
    expect(missing?.['missing_partitions']).toEqual(days?.['names']);
  } finally {
    holder.release(true);
  }
});
