import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recordResult, recordValues, type TestResult } from '../support/claimed.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, idOf, inS, plant, plantQueue, runFile, whileHeld } from '../support/rows.ts';

// Whose result counts, and what exactly is written of it.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const record = (result: Partial<TestResult> & Pick<TestResult, 'became'>): Promise<string[]> =>
  recordResult(database.pool, { id: idOf(1), lane: '1', number: 2, worker: 5, ...result });

/** Webhook 1, whose attempts 1 and 2 are open, and which worker 5 has leased for its second one, unless the row says otherwise. */
async function leasedWebhook(row: object = {}): Promise<void> {
  await plantQueue(database, [
    { n: 1, attempts: 2, uncounted: 1, leased_by: 5, lease_until: inS(3_600), ...row },
  ]);
  await plant(
    database,
    'attempts',
    [1, 2].map((number) => ({ webhook_id: idOf(1), number, worker: 5 })),
  );
}

const attempts = () =>
  ask<{ number: number; status_code: number | null; ended_s: number | null }>(
    database,
    `select number, status_code, extract(epoch from now() - finished_at)::float8 as ended_s
     from posthorn.attempts order by number`,
  );

const queued = async () =>
  (
    await ask(
      database,
      `select attempts, uncounted, lease_until is not null or leased_by is not null as is_leased,
         extract(epoch from due_at - now())::float8 as due_in_s
       from posthorn.queue`,
    )
  )[0];

describe.each(['retry', 'failed'] as const)('a result that became %s', (became) => {
  it.each([
    { whose: 'of the attempt under way, by its worker', row: {}, counts: true },
    { whose: 'of an earlier attempt of the same worker', row: { attempts: 3 }, counts: false },
    { whose: 'of a later attempt', row: { attempts: 1 }, counts: false },
    { whose: 'by another worker, of the same attempt', row: { leased_by: 6 }, counts: false },
    { whose: 'of a lease that was freed', row: { leased_by: null }, counts: false },
    { whose: 'of a lease that ran out', row: { lease_until: inS(-60) }, counts: true },
  ])('counts $counts when it is $whose', async ({ row, counts }) => {
    await leasedWebhook(row);
    const before = await ask(database, 'select * from posthorn.queue');
    expect(await record({ became, statusCode: 500 })).toEqual(counts ? [idOf(1)] : []);
    const outcomes = await ask(database, 'select status, attempts from posthorn.outcomes');
    if (!counts) {
      expect(await ask(database, 'select * from posthorn.queue')).toEqual(before);
      expect(outcomes).toEqual([]);
    } else if (became === 'failed') {
      expect(await queued()).toBeUndefined();
      expect(outcomes).toEqual([{ status: 'failed', attempts: 2 }]);
    } else {
      expect(await queued()).toMatchObject({ attempts: 2, is_leased: false });
      expect(outcomes).toEqual([]);
    }
    // The attempt ended in any case, and no other one did.
    expect(await attempts()).toMatchObject([
      { number: 1, ended_s: null },
      { number: 2, status_code: 500 },
    ]);
  });
});

describe('a delivery', () => {
  it.each([
    { from: 'the worker that has the lease', row: {} },
    { from: 'an earlier attempt', row: { attempts: 7 } },
    { from: 'a worker that lost the lease', row: { leased_by: 6 } },
    { from: 'the attempt after the webhook was put back', row: { past_attempts: 1 } },
  ])('by $from ends the webhook', async ({ row }) => {
    await leasedWebhook(row);
    expect(await record({ became: 'delivered' })).toEqual([idOf(1)]);
    expect(await queued()).toBeUndefined();
  });

  it.each([
    { before: 'had failed then', status: 'failed', attempts: 2, counts: true },
    {
      before: 'had been delivered by an earlier attempt',
      ...{ status: 'delivered', attempts: 1, counts: true },
    },
    {
      before: 'had been delivered by that attempt',
      ...{ status: 'delivered', attempts: 2, counts: false },
    },
    {
      before: 'had been delivered by a later one',
      ...{ status: 'delivered', attempts: 3, counts: false },
    },
  ])(
    'from before a webhook was put back that $before: counts $counts',
    async ({ status, attempts: number, counts }) => {
      await leasedWebhook({ attempts: 3, past_attempts: 2 });
      await plant(database, 'former_outcomes', [
        {
          ...{ webhook_id: idOf(1), outbox_id: idOf(1), lane: 1, finished_at: inS(-9) },
          ...{ status, attempts: number },
        },
        // Of another one.
        {
          ...{ webhook_id: idOf(2), outbox_id: idOf(2), lane: 1, finished_at: inS(-9) },
          ...{ status: 'delivered', attempts: 9 },
        },
      ]);
      expect(await record({ became: 'delivered' })).toEqual(counts ? [idOf(1)] : []);
    },
  );

  it('is written with all that is known of it, as of the time at which it ended', async () => {
    await leasedWebhook();
    await runFile(database, 'record', {
      ...recordValues({
        ...{ id: idOf(1), number: 2, worker: 5, became: 'delivered', statusCode: 204 },
        endedMsAgo: 90_000,
      }),
      ...{ errors: ['http_204'], errorMessages: ['said'], responseBodies: ['body'] },
      ...{ areTruncated: [true], durationsMs: [12.5], reasons: ['reason'] },
    });
    expect(
      await ask(
        database,
        `select webhook_id, outbox_id, lane, status, attempts, last_status_code, reason,
           extract(epoch from now() - finished_at)::float8 between 90 and 110 as is_then from posthorn.outcomes`,
      ),
    ).toEqual([
      {
        ...{ webhook_id: idOf(1), outbox_id: idOf(1), lane: '1', status: 'delivered', attempts: 2 },
        ...{ last_status_code: 204, reason: 'reason', is_then: true },
      },
    ]);
    expect(
      await ask(
        database,
        `select duration_ms, status_code, error, error_message, response_body, response_truncated,
           extract(epoch from now() - finished_at)::float8 between 90 and 110 as is_then
         from posthorn.attempts where number = 2`,
      ),
    ).toEqual([
      {
        ...{ duration_ms: 12.5, status_code: 204, error: 'http_204', error_message: 'said' },
        ...{ response_body: 'body', response_truncated: true, is_then: true },
      },
    ]);
  });

  it('takes the place of an abandoned attempt, but not of one that ended', async () => {
    await leasedWebhook();
    for (const [error, takes] of [
      ['http_500', false],
      ['abandoned', true],
    ] as const) {
      await database.pool.query(
        `update posthorn.attempts set finished_at = now(), error = $1, status_code = 418 where number = 2`,
        [error],
      );
      await record({ became: 'delivered', statusCode: 200 });
      expect((await attempts())[1]?.status_code).toBe(takes ? 200 : 418);
    }
  });
});

describe('a retry', () => {
  it('is due so long after the attempt ended, and counts only if it is to', async () => {
    await leasedWebhook({ uncounted: 32_767 });
    await record({ became: 'retry', retryInS: 1_000, endedMsAgo: 100_000 });
    const row = await queued();
    expect(row).toMatchObject({ uncounted: 32_767 });
    expect(Number(row?.['due_in_s'])).toBeGreaterThan(870);
    expect(Number(row?.['due_in_s'])).toBeLessThanOrEqual(900);
    await clear(database);
    await leasedWebhook();
    await runFile(database, 'record', {
      ...recordValues({ id: idOf(1), number: 2, worker: 5, became: 'retry' }),
      uncounted: [1],
    });
    expect(await queued()).toMatchObject({ uncounted: 2, is_leased: false });
  });

  it('each of a batch gets what is its own', async () => {
    await plantQueue(database, [
      { n: 1, attempts: 1, leased_by: 1, lease_until: inS(60) },
      { n: 2, attempts: 2, leased_by: 2, lease_until: inS(60) },
      { n: 3, attempts: 3, leased_by: 3, lease_until: inS(60) },
    ]);
    const some = (value: unknown) => [value, value, value];
    await runFile(database, 'record', {
      ...{ webhookIds: [3, 1, 2].map(idOf), numbers: [3, 1, 2], became: [0, 2, 0] },
      ...{ statusCodes: [500, 410, 503], errors: ['a', 'b', 'c'], errorMessages: some(null) },
      ...{ responseBodies: some(null), areTruncated: some(false), durationsMs: [3, 1, 2] },
      ...{ endedAgoMs: some(0), retryInS: [3_000, 1_000, 2_000], reasons: ['x', 'gone', 'y'] },
      ...{ uncounted: [1, 0, 0], workerNumbers: [3, 1, 2], aliveKeys: [], neededLanes: [] },
    });
    expect(
      await ask(
        database,
        `select webhook_id, uncounted, round(extract(epoch from due_at - now()) / 1000)::integer as due
         from posthorn.queue order by webhook_id`,
      ),
    ).toEqual([
      { webhook_id: idOf(2), uncounted: 0, due: 2 },
      { webhook_id: idOf(3), uncounted: 1, due: 3 },
    ]);
    expect(
      await ask(database, 'select webhook_id, reason, last_status_code from posthorn.outcomes'),
    ).toEqual([{ webhook_id: idOf(1), reason: 'gone', last_status_code: 410 }]);
  });
});

describe('in an ordered lane', () => {
  const rule = { lane: 1, is_held: false, is_ordered: true, owner: 5 };
  const held = async () =>
    (
      await ask<{ in_s: number | null; of: string | null }>(
        database,
        `select extract(epoch from retry_at - now())::float8 as in_s, retry_of as of
         from posthorn.lane_rules where lane = 1`,
      )
    )[0];

  it('a retry keeps its place, and the lane waits for it', async () => {
    await plant(database, 'lane_rules', [rule, { ...rule, lane: 2 }]);
    const due_at = inS(-500);
    await leasedWebhook({ due_at });
    await record({ became: 'retry', retryInS: 1_000, endedMsAgo: 100_000 });
    expect(await ask(database, 'select due_at from posthorn.queue')).toEqual([{ due_at }]);
    const { in_s: inSeconds, of } = (await held()) ?? {};
    expect(of).toBe(idOf(1));
    expect(inSeconds).toBeGreaterThan(870);
    expect(inSeconds).toBeLessThanOrEqual(900);
    expect(await ask(database, 'select retry_at from posthorn.lane_rules where lane = 2')).toEqual([
      { retry_at: null },
    ]);
  });

  it('a lane that waits for longer already goes on waiting for that', async () => {
    await plant(database, 'lane_rules', [{ ...rule, retry_at: inS(5_000), retry_of: idOf(9) }]);
    await leasedWebhook();
    await record({ became: 'retry', retryInS: 1_000 });
    expect((await held())?.in_s).toBeGreaterThan(4_000);
  });

  it('that has a limit and no order a retry waits by itself', async () => {
    await plant(database, 'lane_rules', [{ ...rule, is_ordered: false, max_in_flight: 3 }]);
    await leasedWebhook();
    await record({ became: 'retry', retryInS: 1_000 });
    expect(await held()).toEqual({ in_s: null, of: null });
    expect(Number((await queued())?.['due_in_s'])).toBeGreaterThan(900);
  });

  it('nothing is done about a retry while somebody has the rule locked', async () => {
    await plant(database, 'lane_rules', [rule]);
    await leasedWebhook();
    const locked = 'select from posthorn.lane_rules for no key update';
    const rows = await whileHeld(database, locked, (pool) =>
      runFile(
        { pool },
        'record',
        recordValues({ id: idOf(1), lane: '1', number: 2, worker: 5, became: 'retry' }),
      ),
    );
    expect(rows).toMatchObject([{ lane: '1', lane_is: 'rule_locked' }]);
    expect(await queued()).toMatchObject({ is_leased: true });
    expect(await attempts()).toMatchObject([{ ended_s: null }, { ended_s: null }]);
  });

  it.each([
    {
      is: 'a late delivery of the one it waits for',
      ...{ row: {}, of: idOf(1), became: 'delivered' as const, frees: true },
    },
    {
      is: 'a delivery of another one',
      ...{ row: {}, of: idOf(2), became: 'delivered' as const, frees: false },
    },
    {
      is: 'a failure of the one it waits for',
      ...{ row: { attempts: 2 }, of: idOf(1), became: 'failed' as const, frees: false },
    },
  ])('$is frees it: $frees', async ({ row, of, became, frees }) => {
    await plant(database, 'lane_rules', [{ ...rule, retry_at: inS(5_000), retry_of: of }]);
    await leasedWebhook({ attempts: 3, ...row });
    await plantQueue(database, [{ n: 2 }]);
    // Brought before, so that the rule of the lane is looked at whatever became of it.
    await record({ became, wasPutOff: true });
    expect((await held())?.of).toBe(frees ? null : of);
  });

  it('the delivery of one that has ended meanwhile, brought again, frees it', async () => {
    await plant(database, 'lane_rules', [{ ...rule, retry_at: inS(5_000), retry_of: idOf(1) }]);
    await record({ became: 'delivered', wasPutOff: true });
    expect((await held())?.of).toBeNull();
  });
});
