import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// How webhooks end that the usual statements cannot end, or too late.

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

describe('a webhook that the usual statements cannot handle', () => {
  const cases = [
    { is: 'waits, and is not being sent', row: {}, number: null, ours: true },
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
    const done = await runFile(database, 'set-aside', {
      webhookId: idOf(1),
      forS: 500,
      number,
      workerNumber: 1,
    });
    expect(done).toEqual(ours ? [{ webhook_id: idOf(1) }] : []);
    const [first, second] = await queue(
      `extract(epoch from due_at - now())::float8 between 400 and 500 and lease_until is null and leased_by is null as is_aside`,
    );
    expect([first, second]).toMatchObject([{ is_aside: ours }, { is_aside: false }]);
  });

  it.each([
    ...cases.map((one) => ({ ...one, as: 'failed' })),
    {
      is: "is another's, but was delivered by us",
      row: leasedBy(2),
      number: 1,
      ours: true,
      as: 'delivered',
    },
  ])('that $is is ended as $as: $ours', async ({ row, number, ours, as }) => {
    await plantQueue(database, [{ n: 1, ...row }, { n: 2 }]);
    await plant(database, 'attempts', [attempt(1, 4), attempt(2, 9)]);
    const done = await runFile(database, 'end-poisoned', {
      webhookId: idOf(1),
      status: as,
      reason: 'why',
      statusCode: 299,
      number,
      workerNumber: 1,
    });
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
      await runFile(database, 'end-poisoned', {
        webhookId: idOf(1),
        status: as,
        reason: 'now',
        statusCode: 200,
        number: null,
        workerNumber: 1,
      });
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
  const [row] = await runFile<{ tried_for_ms: number }>(database, 'first-try', {
    webhookId: idOf(1),
    pastAttempts: 1,
  });
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
      runFile<{ webhook_id: string; is_locked: boolean }>({ pool }, 'correct-outcomes', {
        webhookIds: ids,
        statusCodes: [201, 202, 203, 204, 205, 206],
        numbers: [3, 3, 3, 3, 3, 3],
      }),
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
