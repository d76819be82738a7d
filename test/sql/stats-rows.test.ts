import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, inS, plant, plantQueue } from '../support/rows.ts';

// posthorn.take_stats(): as what each row is counted.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

interface Figures {
  readonly queue: {
    priority: number;
    state: string;
    webhooks: number;
    oldest_due_s: number | null;
  }[];
  readonly lanes: Record<string, number>;
}

async function figures(): Promise<Figures> {
  const [row] = await ask<{ figures: Figures }>(
    database,
    `select figures from posthorn.take_stats('0 s')`,
  );
  return row?.figures ?? { queue: [], lanes: {} };
}

const later = inS(9_000);
const url = 'http://a.example/';

it('webhooks are counted by priority and by what they wait for, with the age of the oldest', async () => {
  await database.pool.query(`update posthorn.stats set took_ms = 0, taken_at = '-infinity'`);
  const pause = { url, throttled_until: later };
  await plant(database, 'breakers', [
    { key: 11, url, state: 'open' },
    { ...pause, key: 12, last_failure_at: inS(-5) },
    { ...pause, key: 13 },
    // Of a few seconds, or over.
    { ...pause, key: 21, last_failure_at: inS(8_970) },
    { ...pause, key: 22, throttled_until: inS(-5), last_failure_at: inS(-900) },
  ]);
  const rule = { is_held: false, is_ordered: true };
  await plant(database, 'lane_rules', [
    { ...rule, lane: 14, is_held: true },
    { ...rule, lane: 15, retry_at: later },
    { ...rule, lane: 23, retry_at: inS(-5) },
  ]);
  await plantQueue(database, [
    { n: 1, lease_until: later, leased_by: 1, attempts: 1 },
    { n: 2, lease_until: inS(-5), leased_by: 1, attempts: 1, due_at: inS(-500) },
    { n: 3, due_at: later, attempts: 1 },
    { n: 4, due_at: later },
    { n: 5, due_at: later, lane: 11 },
    ...[11, 12, 13, 14, 15].map((lane) => ({ n: lane, lane, due_at: inS(-300) })),
    ...[21, 22, 23].map((lane) => ({ n: lane, lane })),
    { n: 31, priority: 0, due_at: inS(-700) },
    { n: 32, priority: 2 },
  ]);
  const { queue } = await figures();
  const said = queue.map(({ priority, state, webhooks, oldest_due_s: oldestS }) => {
    const hundreds = oldestS === null ? '' : ` ${Math.floor(oldestS / 100)}`;
    return `${priority} ${state} ${webhooks}${hundreds}`;
  });
  expect(said.toSorted()).toEqual([
    '0 due 1 7',
    '1 due 4 5',
    '1 held 5 3',
    '1 retry 1',
    '1 scheduled 2',
    '1 sending 1',
    '2 due 1 0',
  ]);
});

it('lanes are counted by what is the matter with them', async () => {
  await database.pool.query(`update posthorn.stats set took_ms = 0, taken_at = '-infinity'`);
  await plant(database, 'breakers', [
    { key: 1, url, consecutive: 1 },
    { key: 2, url, consecutive: 0 },
    { key: 3, url, consecutive: 3, throttled_until: later },
    { key: 4, url, throttled_until: inS(-5), consecutive: 3 },
    { key: 5, url, state: 'open', consecutive: 9 },
    { key: 6, url, state: 'open', probe_until: inS(-5) },
    { key: 7, url, state: 'open', probe_until: later },
    { key: 8, url, state: 'open', throttled_until: later },
  ]);
  await plant(database, 'lane_rules', [
    { lane: 1, is_held: true, is_ordered: false },
    { lane: 2, is_held: false, is_ordered: true },
  ]);
  const { lanes } = await figures();
  expect(lanes).toEqual({ failing: 2, open: 3, probing: 1, throttled: 1, held: 1 });
});
