import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// How leases are freed, kept and given back, and which attempts are closed with them.

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
    expect(await runFile(database, 'rescue', [7, [idOf(3)]])).toEqual([{ released: 2 }]);
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
      await runFile(database, 'rescue', [7, []]);
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
    await runFile(database, 'rescue', [7, []]);
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
      { ...breaker, lane: 1, probe_webhook: idOf(1) },
      { ...breaker, lane: 2, probe_webhook: idOf(3) },
      { ...breaker, lane: 3, probe_webhook: idOf(4) },
    ]);
    await runFile(database, 'rescue', [7, [idOf(4)]]);
    expect(
      await ask(
        database,
        'select lane, probe_webhook, probe_attempt, probe_until is null as is_free from posthorn.breakers order by lane',
      ),
    ).toEqual([
      { lane: '1', probe_webhook: null, probe_attempt: null, is_free: true },
      { lane: '2', probe_webhook: idOf(3), probe_attempt: 1, is_free: false },
      { lane: '3', probe_webhook: idOf(4), probe_attempt: 1, is_free: false },
    ]);
  });
});

describe('giving back', () => {
  it('undoes the attempt of what is still the worker’s, and closes that of what has ended', async () => {
    await plantQueue(database, [
      { n: 1, ...leasedBy(1), attempts: 3 },
      { n: 2, ...leasedBy(1), attempts: 4 },
      { n: 3, ...leasedBy(2), attempts: 3 },
      { n: 5, ...leasedBy(1), attempts: 3 },
    ]);
    await plant(
      database,
      'attempts',
      [1, 2, 3, 4, 5].flatMap((n) => [attempt(n, 2), attempt(n, 3)]),
    );
    await plant(database, 'attempts', [attempt(6, 3, { finished_at: inS(-5), error: 'http_500' })]);
    await runFile(database, 'give-back', [[1, 2, 3, 4, 6].map(idOf), [3, 3, 3, 3, 3], 1]);
    expect(await queue('attempts, leased_by, lease_until is not null as is_leased')).toEqual([
      { n: 1, attempts: 2, leased_by: null, is_leased: false },
      { n: 2, attempts: 4, leased_by: 1, is_leased: true },
      { n: 3, attempts: 3, leased_by: 2, is_leased: true },
      { n: 5, attempts: 3, leased_by: 1, is_leased: true },
    ]);
    expect(await open()).toEqual(['1 2', '2 2', '3 2', '4 2', '5 2', '5 3']);
    expect(
      await ask(database, 'select distinct error from posthorn.attempts where error is not null'),
    ).toEqual(expect.arrayContaining([{ error: 'abandoned' }, { error: 'http_500' }]));
    expect(await ask(database, 'select from posthorn.attempts where number = 3')).toHaveLength(5);
  });

  it('frees the probe that it was, and no other', async () => {
    const breaker = { url: 'http://a.example/', state: 'open', probe_until: inS(60) };
    await plantQueue(
      database,
      [1, 2, 3].map((n) => ({ n, lane: n, ...leasedBy(1), attempts: 3 })),
    );
    await plant(database, 'breakers', [
      { ...breaker, lane: 1, probe_webhook: idOf(1), probe_attempt: 3 },
      { ...breaker, lane: 2, probe_webhook: idOf(2), probe_attempt: 2 },
      { ...breaker, lane: 3, probe_webhook: idOf(9), probe_attempt: 3 },
    ]);
    await runFile(database, 'give-back', [[1, 2, 3].map(idOf), [3, 3, 3], 1]);
    expect(
      await ask(database, 'select lane from posthorn.breakers where probe_until is null'),
    ).toEqual([{ lane: '1' }]);
  });
});

it('leases are kept for a minute if they are the worker’s and end within half of one', async () => {
  const soon = { ...leasedBy(1), lease_until: inS(5) };
  await plantQueue(database, [
    { n: 1, ...soon },
    { n: 2, ...soon, lease_until: inS(-5) },
    { n: 3, ...leasedBy(1), lease_until: inS(45) },
    { n: 4, ...soon, leased_by: 2 },
    { n: 5, ...soon, attempts: 2 },
    { n: 6, ...soon },
    { n: 7, ...soon },
  ]);
  const locked = await whileHeld(
    database,
    `select from posthorn.queue where webhook_id = '${idOf(6)}' for update`,
    (pool) =>
      runFile({ pool }, 'keep-leases', [
        [1, 2, 3, 4, 5, 6].map(idOf),
        Array(6).fill(1),
        Array(6).fill(1),
      ]),
  );
  expect(locked).toEqual([{ webhook_id: idOf(6) }]);
  expect(
    (await queue(`lease_until > now() + interval '50 seconds' as kept`)).filter(({ kept }) => kept),
  ).toMatchObject([{ n: 1 }, { n: 2 }]);
});

describe('attempts are closed', () => {
  const ended = { finished_at: inS(-600), error: 'http_500' };

  it('that were begun before the one that goes on', async () => {
    await plant(database, 'attempts', [
      ...[attempt(1, 1, ended), attempt(1, 2), attempt(1, 3)],
      ...[attempt(2, 1), attempt(2, 2), attempt(3, 1)],
    ]);
    await runFile(database, 'close-abandoned', [[1, 2].map(idOf), [3, 1]]);
    expect(await open()).toEqual(['1 3', '2 1', '2 2', '3 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });

  it('whose webhook has ended', async () => {
    await plantQueue(database, [{ n: 2, ...leasedBy(1) }]);
    await plant(database, 'attempts', [
      ...[attempt(1, 1, ended), attempt(1, 2), attempt(2, 1), attempt(3, 1)],
    ]);
    await runFile(database, 'close-ended', [[1, 2].map(idOf)]);
    expect(await open()).toEqual(['2 1', '3 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });

  it('that have been open for longer than the time, but not the one whose lease goes on', async () => {
    const old = { started_at: inS(-4_000) };
    await plantQueue(database, [
      { n: 1, ...leasedBy(1), attempts: 2 },
      { n: 2, ...leasedBy(1), lease_until: inS(-1) },
    ]);
    await plant(database, 'attempts', [
      ...[attempt(1, 1, old), attempt(1, 2, old), attempt(2, 1, old), attempt(3, 1, old)],
      ...[attempt(4, 1, { started_at: inS(-3_000) }), attempt(5, 1, { ...old, ...ended })],
    ]);
    const sweep = (from: string, most: number) =>
      runFile(database, 'close-forgotten', [from, most, 3_600]);
    expect(await sweep(idOf(3), 1)).toEqual([{ closed: 1, walked_to: idOf(3) }]);
    expect(await open()).toEqual(['1 1', '1 2', '2 1', '4 1']);
    expect(await sweep(idOf(0), 99)).toEqual([{ closed: 2, walked_to: null }]);
    expect(await open()).toEqual(['1 2', '4 1']);
    expect(
      await ask(database, `select from posthorn.attempts where error = 'http_500'`),
    ).toHaveLength(1);
  });
});

describe('a webhook that the usual statements cannot handle', () => {
  const cases = [
    { is: 'waits, and nobody sends it', row: {}, number: null, ours: true },
    {
      is: 'had a lease that ran out',
      row: { ...leasedBy(2), lease_until: inS(-1) },
      number: null,
      ours: true,
    },
    { is: 'is being sent by another worker', row: leasedBy(2), number: null, ours: false },
    { is: 'is our attempt under way', row: leasedBy(1), number: 1, ours: true },
    {
      is: 'is being tried once more',
      row: { ...leasedBy(1), attempts: 2 },
      number: 1,
      ours: false,
    },
    { is: 'was leased by another worker since', row: leasedBy(2), number: 1, ours: false },
  ];

  it.each(cases)('that $is is set aside: $ours', async ({ row, number, ours }) => {
    await plantQueue(database, [{ n: 1, ...row }, { n: 2 }]);
    const done = await runFile(database, 'set-aside', [idOf(1), 500, number, 1]);
    expect(done).toEqual(ours ? [{ webhook_id: idOf(1) }] : []);
    const [first, second] = await queue(
      `extract(epoch from due_at - now())::float8 between 400 and 500 and lease_until is null and leased_by is null as is_aside`,
    );
    expect([first, second]).toMatchObject([{ is_aside: ours }, { is_aside: false }]);
  });

  it.each([
    ...cases.map((one) => ({ ...one, as: 'failed' })),
    {
      is: 'is another’s, but was delivered by us',
      row: leasedBy(2),
      number: 1,
      ours: true,
      as: 'delivered',
    },
  ])('that $is is ended as $as: $ours', async ({ row, number, ours, as }) => {
    await plantQueue(database, [{ n: 1, ...row }, { n: 2 }]);
    await plant(database, 'attempts', [attempt(1, 4), attempt(2, 9)]);
    const done = await runFile(database, 'end-poisoned', [idOf(1), as, 'why', 299, number, 1]);
    expect(done).toEqual(ours ? [{ webhook_id: idOf(1) }] : []);
    expect(
      await ask(
        database,
        'select webhook_id, status, attempts, reason, last_status_code, lane from posthorn.outcomes',
      ),
    ).toEqual(
      ours
        ? [
            {
              webhook_id: idOf(1),
              status: as,
              attempts: 4,
              reason: 'why',
              last_status_code: 299,
              lane: '1',
            },
          ]
        : [],
    );
    expect(await queue('1 as one')).toHaveLength(ours ? 1 : 2);
  });

  it.each([
    { was: 'failed', as: 'delivered', becomes: 'delivered', reason: null },
    { was: 'failed', as: 'failed', becomes: 'failed', reason: 'before' },
    { was: 'delivered', as: 'delivered', becomes: 'delivered', reason: 'before' },
    { was: 'delivered', as: 'failed', becomes: 'delivered', reason: 'before' },
  ])(
    'whose outcome $was is there already, ended as $as, stays or becomes $becomes',
    async ({ was, as, becomes, reason }) => {
      await plantQueue(database, [{ n: 1 }]);
      await plant(database, 'outcomes', [
        {
          webhook_id: idOf(1),
          outbox_id: idOf(1),
          lane: 1,
          status: was,
          attempts: 1,
          reason: 'before',
        },
      ]);
      await runFile(database, 'end-poisoned', [idOf(1), as, 'now', 200, null, 1]);
      expect(await ask(database, 'select status, reason from posthorn.outcomes')).toEqual([
        { status: becomes, reason },
      ]);
      expect(await queue('1 as one')).toEqual([]);
    },
  );
});

it('how long a webhook has been tried is counted from the first attempt since it was put back', async () => {
  await plant(database, 'attempts', [
    attempt(1, 1, { created_at: inS(-900) }),
    attempt(1, 2, { created_at: inS(-90) }),
    attempt(1, 3, { created_at: inS(-50) }),
    attempt(2, 2, { created_at: inS(-5_000) }),
  ]);
  const [row] = await runFile<{ tried_for_ms: number }>(database, 'first-try', [idOf(1), 1]);
  expect(row?.tried_for_ms).toBeGreaterThan(89_000);
  expect(row?.tried_for_ms).toBeLessThan(300_000);
});

it('a late delivery corrects an outcome that says something else, unless somebody has it locked', async () => {
  const outcome = { lane: 1, attempts: 4, reason: 'why', last_status_code: 500 };
  const ids = [1, 2, 3, 4, 5, 6].map(idOf);
  await plant(
    database,
    'outcomes',
    ['failed', 'cancelled', 'delivered', 'failed', 'failed', 'failed', 'failed'].map(
      (status, at) => ({
        ...{ ...outcome, webhook_id: idOf(at + 1), outbox_id: idOf(at + 1), status },
      }),
    ),
  );
  await plant(
    database,
    'former_outcomes',
    [
      [5, 'delivered', 3],
      [6, 'failed', 3],
    ].map(([n, status, attempts]) => ({
      ...{ webhook_id: idOf(n as number), outbox_id: idOf(n as number), lane: 1 },
      ...{ finished_at: inS(-9), status, attempts },
    })),
  );
  const said = await whileHeld(
    database,
    `select from posthorn.outcomes where webhook_id = '${idOf(4)}' for update`,
    (pool) =>
      runFile<{ webhook_id: string; is_locked: boolean }>({ pool }, 'correct-outcomes', [
        ...[ids, [201, 202, 203, 204, 205, 206], [3, 3, 3, 3, 3, 3]],
      ]),
  );
  const corrected = said.filter(({ is_locked }) => !is_locked).map(({ webhook_id }) => webhook_id);
  expect(corrected.toSorted()).toEqual([1, 2, 6].map(idOf));
  expect(said.filter(({ is_locked }) => is_locked)).toEqual([
    { webhook_id: idOf(4), is_locked: true },
  ]);
  expect(
    await ask(
      database,
      `select right(webhook_id::text, 1)::integer as n, status, last_status_code as code, reason from posthorn.outcomes order by 1`,
    ),
  ).toEqual([
    { n: 1, status: 'delivered', code: 201, reason: null },
    { n: 2, status: 'delivered', code: 202, reason: null },
    { n: 3, status: 'delivered', code: 500, reason: 'why' },
    { n: 4, status: 'failed', code: 500, reason: 'why' },
    { n: 5, status: 'failed', code: 500, reason: 'why' },
    { n: 6, status: 'delivered', code: 206, reason: null },
    { n: 7, status: 'failed', code: 500, reason: 'why' },
  ]);
});
