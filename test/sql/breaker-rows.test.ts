import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { ask, type Columns, clear, idOf, inS, plant, runFile, whileHeld } from '../support/rows.ts';

// What failures and answers 410 change of breakers and endpoints, row by row.

const rules = { openAfter: 5, openOverS: 10, firstOpenS: 30, maxOpenS: 900 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const url = 'http://a.example/';

describe('counting failures', () => {
  interface Counts {
    readonly failures?: number;
    readonly succeeded?: boolean;
    readonly pauseS?: number | null;
    readonly probe?: { n: number; number: number; failed: boolean };
    readonly error?: string | null;
  }
  const count = (counts: Counts) => {
    const { failures = 1, succeeded = false, pauseS = null, probe, error = 'http_500' } = counts;
    return runFile<{ key: string; is_open: boolean | null }>(database, 'count-failures', {
      ...{
        keys: [1],
        onlyLanes: [null],
        failures: [failures],
        succeeded: [succeeded],
        errors: [error],
      },
      ...{ pausesS: [pauseS], ...rules },
      probeIds: probe === undefined ? [] : [idOf(probe.n)],
      probeNumbers: probe === undefined ? [] : [probe.number],
      probeFailed: probe === undefined ? [] : [probe.failed],
    });
  };
  const breaker = async () =>
    (
      await ask(
        database,
        `select *, extract(epoch from open_until - now())::float8 as open_s,
           extract(epoch from now() - failing_since)::float8 as failing_s,
           extract(epoch from now() - last_failure_at)::float8 as since_s,
           extract(epoch from throttled_until - now())::float8 as throttled_s
         from posthorn.breakers where key = 1`,
      )
    )[0];
  const watched = (row: Columns = {}) =>
    plant(database, 'breakers', [
      { key: 1, url, ...row },
      { key: 2, url, consecutive: 7 },
    ]);

  it.each([
    { consecutive: 4, since: -10.5, failures: 1, opens: true },
    { consecutive: 3, since: -10.5, failures: 1, opens: false },
    { consecutive: 3, since: -10.5, failures: 2, opens: true },
    { consecutive: 4, since: -3, failures: 1, opens: false },
    { consecutive: 9, since: -100, failures: 0, opens: false },
  ])(
    'to $consecutive failures since $since s, $failures more: opens $opens',
    async ({ consecutive, since, failures, opens }) => {
      await watched({ consecutive, failing_since: inS(since) });
      expect(await count({ failures })).toEqual([{ key: '1', is_origin: false, is_open: opens }]);
      expect(await breaker()).toMatchObject({
        ...{ consecutive: consecutive + failures, state: opens ? 'open' : 'closed' },
        ...{ trips: opens ? 1 : 0, last_error: 'http_500' },
      });
      expect(
        await ask(database, 'select consecutive from posthorn.breakers where key = 2'),
      ).toEqual([{ consecutive: 7 }]);
    },
  );

  it('starts again after a success, and at the first failure', async () => {
    await watched({ consecutive: 20, failing_since: inS(-500) });
    await count({ failures: 2, succeeded: true });
    expect(await breaker()).toMatchObject({ consecutive: 2, state: 'closed' });
    expect(Number((await breaker())?.['failing_s'])).toBeLessThan(60);
    await clear(database);
    await watched({ consecutive: 0, failing_since: inS(-500) });
    await count({ failures: 9 });
    expect(await breaker()).toMatchObject({ consecutive: 9, state: 'closed' });
    expect(Number((await breaker())?.['failing_s'])).toBeLessThan(60);
    expect(Number((await breaker())?.['since_s'])).toBeLessThan(60);
  });

  it.each([
    { trips: 0, least: 24, most: 36 },
    { trips: 1, least: 48, most: 72 },
    { trips: 4, least: 384, most: 576 },
    { trips: 5, least: 720, most: 1_080 },
    { trips: 2_000, least: 720, most: 1_080 },
  ])(
    'opens the breaker that opened $trips times for $least to $most s',
    async ({ trips, least, most }) => {
      await watched({ consecutive: 9, trips, failing_since: inS(-500) });
      await count({});
      const openS = Number((await breaker())?.['open_s']);
      expect(openS).toBeGreaterThan(least - 10);
      expect(openS).toBeLessThanOrEqual(most);
    },
  );

  it('keeps what the error was when there is none, and the longest pause', async () => {
    await watched({ last_error: 'timeout', throttled_until: inS(500) });
    await count({ failures: 0, pauseS: 100, error: null });
    expect(await breaker()).toMatchObject({ last_error: 'timeout', consecutive: 0 });
    expect(Number((await breaker())?.['throttled_s'])).toBeGreaterThan(400);
    await count({ failures: 0, pauseS: 9_000, error: null });
    expect(Number((await breaker())?.['throttled_s'])).toBeGreaterThan(8_000);
  });

  describe('while the breaker is open', () => {
    const open = {
      ...{ state: 'open', consecutive: 9, trips: 3, open_until: inS(-5), probe_until: inS(600) },
      ...{ probe_webhook: idOf(1), probe_attempt: 4, failing_since: inS(-500) },
    };

    it.each([
      { what: 'a failure that is not of the probe', counts: {}, changes: false },
      {
        what: 'a probe before it',
        counts: { probe: { n: 1, number: 3, failed: true } },
        changes: false,
      },
      {
        what: 'a probe of another webhook',
        counts: { probe: { n: 2, number: 4, failed: true } },
        changes: false,
      },
    ])('$what changes nothing', async ({ counts }) => {
      await watched(open);
      const before = await ask(database, 'select * from posthorn.breakers');
      expect(await count(counts)).toEqual([]);
      expect(await ask(database, 'select * from posthorn.breakers')).toEqual(before);
    });

    it('its probe that failed opens it for twice as long, and one that said nothing for as long as before', async () => {
      for (const [failed, trips, least, most] of [
        [true, 4, 192, 288],
        [false, 3, 96, 144],
      ] as const) {
        await clear(database);
        await watched(open);
        expect(
          await count({ failures: failed ? 1 : 0, probe: { n: 1, number: 4, failed } }),
        ).toEqual([{ key: '1', is_origin: false, is_open: true }]);
        const row = await breaker();
        expect(row).toMatchObject({
          ...{ state: 'open', trips, probe_until: null, probe_webhook: null, probe_attempt: null },
        });
        expect(Number(row?.['open_s'])).toBeGreaterThan(least - 10);
        expect(Number(row?.['open_s'])).toBeLessThanOrEqual(most);
      }
    });

    it('a pause that is asked for is noted, and the probe goes on', async () => {
      await watched(open);
      await count({ pauseS: 500 });
      expect(await breaker()).toMatchObject({
        trips: 3,
        state: 'open',
        probe_webhook: idOf(1),
        probe_attempt: 4,
      });
      expect(Number((await breaker())?.['throttled_s'])).toBeGreaterThan(400);
    });
  });

  it('says which rows are locked', async () => {
    await watched();
    const said = await whileHeld(
      database,
      'select from posthorn.breakers where key = 1 for update',
      (pool) =>
        runFile({ pool }, 'count-failures', {
          keys: [1, 2, 3],
          onlyLanes: [null, null, null],
          failures: [1, 1, 1],
          succeeded: [false, false, false],
          errors: ['a', 'b', 'c'],
          pausesS: [null, null, null],
          ...{ ...rules, probeIds: [], probeNumbers: [], probeFailed: [] },
        }),
    );
    expect(said).toEqual([
      { key: '2', is_origin: false, is_open: false },
      { key: '1', is_origin: null, is_open: null },
    ]);
  });
});

it('a lane that begins to fail gets a breaker, and one that has one keeps it', async () => {
  await plant(database, 'breakers', [{ key: 1, url, consecutive: 3 }]);
  await runFile(database, 'watch-lanes', {
    keys: [1, 2],
    urls: ['http://b.example/', 'http://c.example/'],
    ...{ failures: [0, 0], failingS: [0, 0], mostLanes: 100 },
  });
  expect(
    await ask(database, 'select key, url, consecutive, state from posthorn.breakers order by key'),
  ).toEqual([
    { key: '1', url, consecutive: 3, state: 'closed' },
    { key: '2', url: 'http://c.example/', consecutive: 0, state: 'closed' },
  ]);
});

describe('answers 410', () => {
  it.each([
    { before: 0, answers: 1, succeeded: false, status: 'active', gone: 1 },
    { before: 1, answers: 1, succeeded: false, status: 'disabled', gone: 2 },
    { before: 0, answers: 2, succeeded: false, status: 'disabled', gone: 2 },
    { before: 5, answers: 1, succeeded: true, status: 'active', gone: 1 },
    { before: 1, answers: 5_000, succeeded: false, status: 'disabled', gone: 1_000 },
    { before: 1, answers: 0, succeeded: true, status: 'active', gone: 0 },
  ])(
    'of an endpoint with $before, $answers more, after a success $succeeded: $status',
    async ({ before, answers, succeeded, status, gone }) => {
      const endpoint = await registerEndpoint(database, { url, gone_answers: before });
      const other = await registerEndpoint(database, { url });
      expect(
        await runFile(database, 'count-gone', { endpointId: endpoint.id, answers, succeeded }),
      ).toEqual([{ is_disabled: status === 'disabled', is_locked: false }]);
      expect(await endpoint.row()).toMatchObject({
        ...{ status, gone_answers: gone, status_reason: status === 'disabled' ? 'gone' : null },
      });
      expect(await other.row()).toMatchObject({ status: 'active', gone_answers: 0 });
    },
  );

  it.each([
    { status: 'paused', becomes: 'disabled', reason: 'gone' },
    { status: 'disabled', becomes: 'disabled', reason: 'by_request' },
    { status: 'deleted', becomes: 'deleted', reason: 'by_request' },
  ])(
    'make of an endpoint that is $status one that is $becomes, $reason',
    async ({ status, becomes, reason }) => {
      const endpoint = await registerEndpoint(database, { url, gone_answers: 1 });
      await endpoint.set({ status });
      expect(
        await runFile(database, 'count-gone', {
          endpointId: endpoint.id,
          answers: 1,
          succeeded: false,
        }),
      ).toEqual([{ is_disabled: becomes === 'disabled', is_locked: false }]);
      expect(await endpoint.row()).toMatchObject({ status: becomes, status_reason: reason });
    },
  );

  it.each(['endpoints', 'lane_rules'])(
    'are not counted while the row of %s is locked',
    async (table) => {
      const endpoint = await registerEndpoint(database, { url, gone_answers: 1, max_in_flight: 3 });
      const said = await whileHeld(database, `select from posthorn.${table} for update`, (pool) =>
        runFile({ pool }, 'count-gone', { endpointId: endpoint.id, answers: 1, succeeded: false }),
      );
      expect(said).toEqual([{ is_disabled: false, is_locked: true }]);
      expect(await endpoint.row()).toMatchObject({ status: 'active', gone_answers: 1 });
    },
  );
});
